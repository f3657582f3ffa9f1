/**
 * The real programs of the differential test. `prepare` builds what the program works on without deleting anything;
 * `script` is what runs under strace, in that directory. `needs` answers why a program cannot run, or nothing.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';

const NPM = '/opt/npm/bin/npm-cli.js';

export interface Program {
  readonly name: string;
  readonly prepare: () => void;
  readonly script: string;
  /** Why it cannot run here; undefined: it can. */
  readonly needs?: () => string | undefined;
}

/** `directories` times `files` files, nested three deep, their content telling where they are. */
function tree(base: string, directories: number, files: number): void {
  for (let directory = 0; directory < directories; directory += 1) {
    const dir = `${base}/d${directory % 5}/e${directory % 3}/f${directory}`;
    fs.mkdirSync(dir, { recursive: true });
    for (let file = 0; file < files; file += 1) fs.writeFileSync(`${dir}/file-${file}.txt`, `${directory} ${file}\n`);
  }
}

function oddNames(base: string): void {
  fs.mkdirSync(base, { recursive: true });
  const names = [
    'a b',
    'quote"',
    "apostrophe'",
    'back\\slash',
    'new\nline',
    'tab\t9',
    'é-ü-漢',
    '<angle>',
    '(deleted)',
    '-f',
    '\x1b[31m',
  ];
  for (const name of [...names, 'x'.repeat(255)]) fs.writeFileSync(`${base}/${name}`, '');
  fs.writeFileSync(Buffer.concat([Buffer.from(`${base}/bad-`), Buffer.from([0xff, 0xc3, 0x28])]), '');
  fs.symlinkSync('nowhere', `${base}/dangling`);
  execFileSync('mkfifo', [`${base}/fifo`]);
}

function has(program: string, ...args: string[]): string | undefined {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return undefined;
  } catch (error) {
    return `${[program, ...args].join(' ')}: ${(error as Error).message.split('\n')[0]}`;
  }
}

function npmPackage(): void {
  fs.mkdirSync('pack/package/lib', { recursive: true });
  fs.writeFileSync(
    'pack/package/package.json',
    JSON.stringify({ name: 'dep', version: '1.0.0', bin: { dep: 'lib/0.js' } }),
  );
  for (let file = 0; file < 40; file += 1)
    fs.writeFileSync(`pack/package/lib/${file}.js`, `module.exports = ${file};\n`);
  fs.mkdirSync('project');
  execFileSync('tar', ['-czf', 'project/dep.tgz', '-C', 'pack', 'package']);
  const dependencies = { dep: 'file:dep.tgz' };
  const project = { name: 'project', version: '1.0.0', dependencies };
  const dep = { version: '1.0.0', resolved: 'file:dep.tgz', bin: { dep: 'lib/0.js' } };
  fs.writeFileSync('project/package.json', JSON.stringify(project));
  fs.writeFileSync(
    'project/package-lock.json',
    JSON.stringify({
      ...project,
      lockfileVersion: 3,
      requires: true,
      packages: { '': project, 'node_modules/dep': dep },
    }),
  );
}

const PERL = `
use strict; use warnings; use File::Path qw(remove_tree); use File::Copy qw(move);
remove_tree('tree/d0', { safe => 1 }); remove_tree('tree');
for my $n (0 .. 39) {
  open(my $out, '>', "new.$n") or die; print $out "new $n\\n"; close $out;
  rename("new.$n", "kept/file-$n") or die "rename $n: $!";
}
move('kept/file-39', 'kept/moved') or die;
rename('kept', 'full') and die 'a full directory was replaced';
mkdir 'empty' or die; rename('kept', 'empty') or die "over an empty directory: $!";
rename('missing', 'empty') and die; unlink('missing', 'empty/file-0', 'full/file-0', './empty/../full//file-1');
rmdir('full') and die; rmdir('missing') and die; unlink('full') and die;
chdir('empty') or die; unlink('file-1', '../full/file-2');
if (my $pid = fork) { waitpid($pid, 0); } else { chdir('../full') or die; unlink('file-3'); exit 0; }
unlink('file-2'); chdir('..') or die; remove_tree('empty', 'full');
`;

const PYTHON = `
import os, threading
try:
    from shutil import rmtree
except ImportError:  # python3-minimal has none
    def rmtree(top):
        for base, dirs, files, fd in os.fwalk(top, topdown=False):
            for name in files: os.unlink(name, dir_fd=fd)
            for name in dirs: os.rmdir(name, dir_fd=fd)
        os.rmdir(top)
os.mkdir('kept')
for n in range(40):
    for name in ('old', 'new'):
        with open(f'{name}-{n}', 'w') as out: out.write(name)
    os.replace(f'new-{n}', f'old-{n}')
    os.rename(f'old-{n}', f'kept/{n}')
for name in ('missing', 'kept'):
    try: os.unlink(name)
    except OSError: pass
    try: os.rmdir(name)
    except OSError: pass
fd = os.open('kept', os.O_RDONLY)
os.unlink('0', dir_fd=fd)
os.replace('1', '2', src_dir_fd=fd, dst_dir_fd=fd)
threads = [threading.Thread(target=rmtree, args=(f'tree/d{n}',)) for n in range(5)]
for one in threads: one.start()
for one in threads: one.join()
rmtree('tree')
rmtree('kept')
`;

const NODE = `
const fs = require('node:fs');
(async () => {
  for (let n = 0; n < 20; n += 1) {
    await fs.promises.writeFile('new-' + n, 'new');
    await fs.promises.writeFile('old-' + n, 'old');
  }
  await Promise.all(Array.from({ length: 20 }, (_, n) => fs.promises.rename('new-' + n, 'old-' + n)));
  await Promise.all(Array.from({ length: 20 }, (_, n) => fs.promises.unlink('old-' + n)));
  await Promise.all(['missing', 'tree'].map((name) => fs.promises.unlink(name).catch(() => {})));
  await fs.promises.rm('tree/d0', { recursive: true });
  fs.rmSync('tree', { recursive: true });
})();
`;

export const programs: readonly Program[] = [
  {
    name: 'rm',
    prepare() {
      tree('tree', 30, 10);
      tree('other', 4, 5);
      oddNames('odd');
      fs.mkdirSync('full/sub', { recursive: true });
      for (const name of ['one', 'two', 'three', 'full/file', 'full/sub/file']) fs.writeFileSync(name, name);
      fs.mkdirSync('p/q/r', { recursive: true });
    },
    script: `
      rmdir full; rm -d full; rm -f missing full/missing missing/file; unlink full; unlink missing
      mv -f one two; mv -n two three; mv -f two full/file; mv -T full/sub other 2>&1; mv three renamed
      rmdir -p p/q/r; rm ./full//sub/../file; (cd full && rm -f ../renamed sub/file && rmdir sub ../full)
      cp -r other copy; install -m 600 other/d0/e0/f0/file-0.txt copy/d0/e0/f0/file-0.txt; ln -sf nowhere copy/link; ln -sf elsewhere copy/link
      cd other && find . -name '*-1.txt' -delete && find . -name '*-2.txt' -exec rm {} + ; cd ..
      sort -o copy/d0/e0/f0/file-1.txt copy/d0/e0/f0/file-1.txt; sed -i s/1/2/ copy/d0/e0/f0/*.txt
      rm -rf odd; rm -rf tree other copy`,
  },
  {
    name: 'git',
    needs: () => has('git', '--version'),
    prepare: () => tree('source', 12, 6),
    script: `set -e
      export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
      git config --global gc.autoDetach false; git config --global init.defaultBranch main; git config --global advice.detachedHead false
      cd source; git init -q; git add .; git commit -qm first
      git rm -rq d0; git commit -qm second; git checkout -q -b side HEAD~1; echo more >>d1/e1/f1/file-0.txt
      git commit -qam third; git checkout -q main; git merge -q -m merge side; git branch -D side; git tag -a -m t t; git tag -d t
      echo stray >stray; mkdir strays; echo stray >strays/one; git stash -q -u; git stash drop -q
      echo stray >stray; git clean -qfdx; git reset -q --hard HEAD~1
      cd ..; git clone -q source clone; git clone -q --no-hardlinks --bare source bare.git
      cd clone; git gc -q --prune=now; git repack -adq; git pack-refs --all; git reflog expire --expire=now --all; git gc -q --aggressive --prune=now
      cd ..; cd source; git gc -q --prune=now; cd ..; rm -rf clone bare.git source`,
  },
  {
    name: 'rsync',
    needs: () => has('rsync', '--version'),
    prepare() {
      tree('from', 12, 5);
      tree('to', 20, 8);
      fs.mkdirSync('to/gone/deep', { recursive: true });
      fs.writeFileSync('to/gone/deep/file', 'x');
      fs.mkdirSync('to/d9');
      fs.writeFileSync('from/d9', 'a file where the receiver has a directory');
      oddNames('to/odd');
      fs.writeFileSync('from/changed', 'new');
      fs.writeFileSync('to/changed', 'older');
    },
    script: `set -e
      rsync -a --delete from/ to/; echo changed >>from/changed; rm -r from/d1; rsync -a --delete-before --backup --suffix=.old from/ to/
      rsync -a --delete-after --delay-updates --checksum from/ to/; rsync -a --remove-source-files to/ third/; rm -rf to from third`,
  },
  {
    name: 'perl',
    needs: () => has('perl', '-MFile::Path', '-MFile::Copy', '-e1'),
    prepare() {
      tree('tree', 10, 6);
      for (const dir of ['kept', 'full']) {
        fs.mkdirSync(dir);
        for (let file = 0; file < 40; file += 1) fs.writeFileSync(`${dir}/file-${file}`, 'old');
      }
      fs.writeFileSync('run.pl', PERL);
    },
    script: 'perl run.pl',
  },
  {
    name: 'python3',
    needs: () => has('python3', '-c', 'import os, threading'),
    prepare() {
      tree('tree', 20, 5);
      fs.writeFileSync('run.py', PYTHON);
    },
    script: 'python3 -B run.py',
  },
  {
    name: 'node',
    prepare() {
      tree('tree', 10, 5);
      fs.writeFileSync('run.cjs', NODE);
    },
    script: 'node run.cjs',
  },
  {
    name: 'npm',
    needs: () => (fs.existsSync(NPM) ? undefined : 'this machine has no npm that is complete in one directory'),
    prepare: npmPackage,
    script: `set -e
      cd project; npm() { node ${NPM} "$@"; }
      npm ci --offline --no-audit --no-fund; npm ci --offline --no-audit --no-fund; rm -rf node_modules ../pack`,
  },
];
