/**
 * Draws docs/picture.svg from a real run: the daemon watches a directory, programs delete in it, `rmwatch top` shows them,
 * and `rmwatch search` and `rmwatch who` answer from its log. Needs root, tmux and a built tree: `npm run picture`.
 */
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const PLACE = '/srv/reports';
const COLUMNS = 132;
const [CHARACTER_WIDTH, LINE_HEIGHT, MARGIN] = [8.4, 20, 16];

/** What a terminal of this width would show of the command. */
function rmwatch(...args) {
  const env = { ...process.env, COLUMNS: String(COLUMNS), TZ: 'UTC' };
  return execFileSync(process.execPath, [path.join(root, 'dist/main.js'), ...args], { env, encoding: 'utf8' });
}

/** A terminal of that many rows in which `rmwatch top` runs. */
const TOP_ROWS = 12;

function tmux(...args) {
  const env = { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC', NO_COLOR: '1' };
  return execFileSync('tmux', ['-u', '-L', `rmwatch-picture-${process.pid}`, ...args], { env, encoding: 'utf8' });
}

/** Returns what `rmwatch top` shows at the end. */
async function record(log, scratch) {
  const config = path.join(scratch, 'rmwatch.yaml');
  const socket = path.join(scratch, 'events.sock');
  const watches = [{ name: 'reports', include: [`${PLACE}/**`, PLACE] }];
  fs.writeFileSync(config, JSON.stringify({ watches, http: { listen: 'off' }, socket: { path: socket } }));
  const args = ['run', '--config', config, '--format', 'json', '--log', log];
  const daemon = spawn(process.execPath, [path.join(root, 'dist/main.js'), ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  daemon.stderr.on('data', (data) => {
    said += data;
  });
  while (!said.includes('watching for deletions')) {
    if (daemon.exitCode !== null) throw new Error(`the daemon ended: ${said}`);
    await sleep(50);
  }
  const top = `'${process.execPath}' '${path.join(root, 'dist/main.js')}' top --socket '${socket}'`;
  tmux('-f', '/dev/null', 'new-session', '-d', '-x', String(COLUMNS), '-y', String(TOP_ROWS), top);
  while (!tmux('capture-pane', '-p').includes('reports')) await sleep(50);
  fs.mkdirSync(`${PLACE}/2026`, { recursive: true });
  for (let quarter = 1; quarter <= 4; quarter++) fs.writeFileSync(`${PLACE}/2026/q${quarter}.pdf`, 'x'.repeat(40_000));
  fs.writeFileSync(`${PLACE}/draft.tmp`, '');
  execFileSync('find', ['.', '-name', '*.tmp', '-delete'], { cwd: PLACE });
  execFileSync('sh', ['-c', 'cd /srv && rm -rf reports; true']);
  while (!/events .* 7 in a minute/.test(tmux('capture-pane', '-p'))) await sleep(50);
  const shownByTop = tmux('capture-pane', '-p').trimEnd().split('\n');
  tmux('kill-server');
  daemon.kill('SIGTERM');
  await new Promise((resolve) => daemon.once('exit', resolve));
  return shownByTop;
}

/** Spaces are kept apart where nothing else keeps them: some viewers do not know `white-space`. */
const escaped = (text) =>
  text.replaceAll(' ', '\u00a0').replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);

/** Long lines end as on a terminal that cuts them. */
function shown(line) {
  const characters = [...line];
  return characters.length <= COLUMNS ? line : `${characters.slice(0, COLUMNS - 1).join('')}…`;
}

function svg(lines) {
  const width = Math.ceil(COLUMNS * CHARACTER_WIDTH + 2 * MARGIN);
  const height = lines.length * LINE_HEIGHT + 2 * MARGIN;
  const text = lines.map((line, index) => {
    const y = MARGIN + (index + 0.75) * LINE_HEIGHT;
    const typed = line.startsWith('# ');
    return `<text x="${MARGIN}" y="${y}"${typed ? ' class="typed"' : ''}>${escaped(shown(line))}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="rmwatch search, rmwatch who and rmwatch top on a terminal">
<style>
rect { fill: #f6f8fa; }
text { fill: #1f2328; font: 14px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; white-space: pre; }
.typed { font-weight: bold; fill: #0550ae; }
@media (prefers-color-scheme: dark) { rect { fill: #161b22; } text { fill: #e6edf3; } .typed { fill: #79c0ff; } }
</style>
<rect width="${width}" height="${height}" rx="8"/>
${text.join('\n')}
</svg>
`;
}

if (process.getuid?.() !== 0) throw new Error('needs root, to hook the kernel');
if (fs.existsSync(PLACE)) throw new Error(`${PLACE} exists: the picture would show what is in it`);
const scratch = fs.mkdtempSync('/tmp/rmwatch-picture-');
try {
  const log = path.join(scratch, 'events.json');
  const top = await record(log, scratch);
  const input = ['--input', log];
  const commands = [
    ['search', PLACE],
    ['search', '--by', 'process'],
    ['who', `${PLACE}/2026/q3.pdf`],
  ];
  const lines = commands.flatMap((args, index) => [
    ...(index > 0 ? [''] : []),
    `# rmwatch ${args.join(' ')}`,
    ...rmwatch(...args, ...input)
      .trimEnd()
      .split('\n'),
  ]);
  lines.push('', '# rmwatch top', ...top);
  fs.writeFileSync(path.join(root, 'docs/picture.svg'), svg(lines));
  console.log(lines.map(shown).join('\n'));
} finally {
  fs.rmSync(scratch, { recursive: true, force: true });
}
