/**
 * Debian's archive seen through an apt configuration of our own: the machine's sources, lists and installed packages
 * are neither used nor changed. apt verifies the signed Release files; the SHA256 sums it then knows are checked here
 * again whenever a downloaded package is taken from the cache.
 *
 * Not `mmdebstrap --variant=extract`, which was tried: it fetches an index for each tree (10 s for busybox alone), keeps no
 * verified copy for a machine without a network, knows no locked checksums and no second place, and unpacks all that a
 * kernel's meta package depends on: 116 MB and 27 s for the kernel of Debian 13, instead of 37 MB that are its image.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { cacheDir, say, sha256OfFile, writeFileAtomically } from './cache.js';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const INDEX_FRESH_HOURS = 12;
const MIRROR_VARIABLES: Readonly<Record<string, string>> = {
  debian: 'RMWATCH_DEBIAN_MIRROR',
  'debian-security': 'RMWATCH_DEBIAN_SECURITY_MIRROR',
};

/** The mirror that the machine itself uses is the one known to be reachable, so ask apt for it. */
export function mirrorOf(archive: string): string {
  const variable = MIRROR_VARIABLES[archive];
  if (variable === undefined) throw new Error(`no archive of Debian is named ${archive}`);
  const fromEnvironment = process.env[variable];
  if (fromEnvironment) return fromEnvironment;
  const uris = execFileSync('apt-get', ['indextargets', '--format', '$(REPO_URI)'], { encoding: 'utf8' }).split('\n');
  const uri = uris.map((line) => line.replace(/\/+$/, '')).find((line) => line.endsWith(`/${archive}`));
  if (uri === undefined) {
    throw new Error(`no mirror of ${archive} in this machine's apt sources: set ${variable}`);
  }
  return uri;
}

/** A suite of one of Debian's archives. */
export interface Suite {
  readonly archive: string;
  readonly suite: string;
}

/** A package as the index has it. */
export interface IndexEntry {
  readonly name: string;
  readonly version: string;
  /** Names of packages, alternatives among them. */
  readonly depends: readonly string[];
  /** As it is named in the cache. */
  readonly file: string;
  /** Below the archive's top. */
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** One line of a sources.list; apt accepts the suite only when Debian's own keys signed it. */
export function sourceLine({ archive, suite }: Suite): string {
  return `deb [arch=amd64 signed-by=${KEYRING}] ${mirrorOf(archive)} ${suite} main`;
}

export class DebianArchive {
  readonly name: string;
  readonly suites: readonly Suite[];
  private readonly targetRelease: string | undefined;
  private readonly stateDir: string;
  private readonly packageDir: string;
  private readonly stampFile: string;

  /** `name` names the state that is kept for these suites. */
  constructor(name: string, suites: readonly Suite[], targetRelease?: string) {
    this.name = name;
    this.suites = suites;
    this.targetRelease = targetRelease;
    this.stateDir = path.join(cacheDir(), 'apt', name);
    this.packageDir = path.join(cacheDir(), 'packages');
    this.stampFile = path.join(this.stateDir, 'refreshed');
    this.#makeDirectories();
  }

  #makeDirectories(): void {
    for (const dir of ['state', 'lists/partial', 'cache/archives/partial']) {
      fs.mkdirSync(path.join(this.stateDir, dir), { recursive: true });
    }
    fs.mkdirSync(this.packageDir, { recursive: true });
  }

  private options(): string[] {
    const dir = this.stateDir;
    const options: Record<string, string> = {
      'Dir::Etc::SourceList': path.join(dir, 'sources.list'),
      'Dir::Etc::SourceParts': '/dev/null',
      'Dir::Etc::Preferences': '/dev/null',
      'Dir::Etc::PreferencesParts': '/dev/null',
      'Dir::State': path.join(dir, 'state'),
      // Nothing counts as installed, so a package is resolved together with everything it needs.
      'Dir::State::status': '/dev/null',
      'Dir::State::Lists': path.join(dir, 'lists'),
      'Dir::Cache': path.join(dir, 'cache'),
      'APT::Sandbox::User': 'root',
      'APT::Architecture': 'amd64',
      'APT::Install-Recommends': 'false',
      'APT::Update::Error-Mode': 'any',
      'Acquire::Languages': 'none',
      'Acquire::Retries': '3',
      'Acquire::http::Timeout': '20',
    };
    if (this.targetRelease !== undefined) options['APT::Default-Release'] = this.targetRelease;
    return Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  }

  private run(command: string, args: readonly string[], cwd?: string): string {
    return execFileSync(command, [...this.options(), ...args], {
      cwd,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** When the verified index was last fetched; undefined when there is none. */
  refreshedAt(): number | undefined {
    try {
      return fs.statSync(this.stampFile).mtimeMs;
    } catch {
      return undefined;
    }
  }

  /** Fetch the index unless it is recent. Without a network a verified index from before is used, and that is said. */
  refresh({ force = process.env['RMWATCH_REFRESH'] === '1' } = {}): void {
    const before = this.refreshedAt();
    if (!force && before !== undefined && Date.now() - before < INDEX_FRESH_HOURS * 3_600_000) return;
    try {
      // The list in use is replaced only by one that worked: apt finds an index by its source's address.
      const sources = path.join(this.stateDir, 'sources.list');
      fs.writeFileSync(`${sources}.new`, this.suites.map((suite) => `${sourceLine(suite)}\n`).join(''));
      this.run('apt-get', ['-o', `Dir::Etc::SourceList=${sources}.new`, 'update', '-qq']);
      fs.renameSync(`${sources}.new`, sources);
      writeFileAtomically(this.stampFile, '');
      say(`index of ${this.suites.map(({ suite }) => suite).join(' + ')} fetched and verified`);
    } catch (error) {
      const reason = firstErrorLine(error);
      if (before === undefined) throw new Error(`no index of ${this.name}, and none could be fetched: ${reason}`);
      say(`mirror not usable (${reason}); using the index verified at ${new Date(before).toISOString()}`);
    }
  }

  /** Forget the index, so that the next refresh fetches all of it. */
  discardIndex(): void {
    for (const name of ['lists', 'cache', 'refreshed']) {
      fs.rmSync(path.join(this.stateDir, name), { recursive: true, force: true });
    }
    this.#makeDirectories();
  }

  /** Index entries of names like "a" or "a=1.0". */
  describe(names: readonly string[]): IndexEntry[] {
    const text = this.run('apt-cache', ['show', '--no-all-versions', ...names]);
    return text.split(/\n\n+/).filter(Boolean).map(parseStanza);
  }

  /** Follow a meta package's dependencies through the packages whose name matches. */
  followDependencies(metaPackage: string, pattern: RegExp): IndexEntry[] {
    const found = new Map<string, IndexEntry>();
    const queue = [metaPackage];
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const [entry] = this.describe([name]);
      if (entry === undefined) throw new Error(`the index of ${this.name} has no ${name}`);
      found.set(name, entry);
      for (const dependency of entry.depends) {
        if (pattern.test(dependency) && !found.has(dependency) && !queue.includes(dependency)) queue.push(dependency);
      }
    }
    found.delete(metaPackage);
    return [...found.values()];
  }

  /** Everything these packages need, down to the C library, as if nothing were installed. */
  resolveClosure(packages: readonly string[]): IndexEntry[] {
    const plan = this.run('apt-get', ['install', '--print-uris', '-y', '-qq', ...packages]);
    const wanted = plan.match(/^'[^']+' \S+/gm)?.map((line) => {
      const [name, version] = decodeURIComponent(line.split(' ')[1]!).split('_');
      return `${name}=${version}`;
    });
    if (!wanted) throw new Error(`apt found nothing to download for ${packages.join(' ')}`);
    return this.describe(wanted);
  }

  private isCached(entry: IndexEntry): boolean {
    const file = path.join(this.packageDir, entry.file);
    if (!fs.existsSync(file)) return false;
    if (fs.statSync(file).size === entry.bytes && sha256OfFile(file) === entry.sha256) return true;
    say(`${entry.file} in the cache is damaged, fetching it again`);
    fs.rmSync(file);
    return false;
  }

  /** Fetch what is missing, check every file against the index, and return their paths. */
  download(entries: readonly IndexEntry[]): string[] {
    const missing = entries.filter((entry) => !this.isCached(entry));
    if (missing.length > 0) {
      const bytes = missing.reduce((sum, entry) => sum + entry.bytes, 0);
      say(`downloading ${missing.length} packages, ${(bytes / 1e6).toFixed(1)} MB, for ${this.name}`);
      const staging = fs.mkdtempSync(path.join(this.stateDir, 'download-'));
      try {
        this.run('apt-get', ['download', '-qq', ...missing.map(({ name, version }) => `${name}=${version}`)], staging);
        for (const entry of missing) {
          const [fetched] = fs.readdirSync(staging).filter((file) => sameFileName(file, entry.file));
          if (fetched === undefined) throw new Error(`apt did not deliver ${entry.file}`);
          if (sha256OfFile(path.join(staging, fetched)) !== entry.sha256) {
            throw new Error(`${entry.file} does not have the SHA256 that the signed index names`);
          }
          fs.renameSync(path.join(staging, fetched), path.join(this.packageDir, entry.file));
        }
      } finally {
        fs.rmSync(staging, { recursive: true, force: true });
      }
    }
    return entries.map((entry) => path.join(this.packageDir, entry.file));
  }
}

/** apt escapes characters such as the epoch's colon in file names. */
function sameFileName(fetched: string, file: string): boolean {
  return decodeURIComponent(fetched) === file;
}

/** The line of a failed command's output that says why. */
export function firstErrorLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr ?? '') : '';
  const lines = `${stderr}\n${message}`.split('\n');
  return (lines.find((line) => line.startsWith('E:')) ?? lines.find(Boolean) ?? message).trim();
}

/** One package of what `apt-cache show` writes. */
function parseStanza(stanza: string): IndexEntry {
  const optional = (name: string) => stanza.match(new RegExp(`^${name}: (.*)$`, 'm'))?.[1];
  const field = (name: string): string => {
    const value = optional(name);
    if (value === undefined) throw new Error(`a package of the index has no ${name}: ${stanza.split('\n')[0]}`);
    return value;
  };
  const relations = [optional('Pre-Depends'), optional('Depends')].filter(Boolean).join(', ');
  const name = field('Package');
  const version = field('Version');
  return {
    name,
    version,
    depends: relations
      .split(/\s*[,|]\s*/)
      .map((relation) => relation.replace(/[\s(:].*$/, ''))
      .filter(Boolean),
    file: `${name}_${version}_${field('Architecture')}.deb`,
    path: field('Filename'),
    sha256: field('SHA256'),
    bytes: Number(field('Size')),
  };
}
