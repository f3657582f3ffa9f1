import { isUtf8 } from 'node:buffer';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isatty } from 'node:tty';
import { getSystemErrorMap } from 'node:util';
import type { Config } from '../model/config.js';
import type { WebConfig } from '../model/web-config.js';
import { parseConfig } from './parse.js';
import type { Problem } from './problem.js';
import { parseWebConfig } from './web-config.js';
import type { YamlSource } from './yaml-source.js';

export { type ParseResult, parseConfig } from './parse.js';

export const DEFAULT_CONFIG_FILE = '/etc/rmwatch/rmwatch.yaml';

/** Ten thousand watches fit several times over; a log file or a disk image given by mistake does not. */
export const CONFIG_BYTES_MAX = 16 * 2 ** 20;

export type LoadResult =
  | {
      readonly config: Config;
      readonly source: YamlSource;
      /** undefined: no file was given and there is none, these are the defaults. */
      readonly file: string | undefined;
    }
  | { readonly problems: readonly Problem[] };

/** Reads the given file, which must then exist, or the default one, which need not. */
export async function loadConfig(file: string | undefined, defaultFile = DEFAULT_CONFIG_FILE): Promise<LoadResult> {
  const path = file ?? defaultFile;
  const read = await readText(path);
  if (read === undefined && file === undefined) return { ...defaults(), file: undefined };
  if (read === undefined) return fileProblem(path, 'cannot be read: no such file or directory (ENOENT)');
  if (typeof read !== 'string') return read;
  const parsed = parseConfig(read, path);
  if ('problems' in parsed) return parsed;
  const { config, source } = parsed;
  const web = await loadWebConfig(config.http, path, source);
  return 'problems' in web ? web : { config: { ...config, http: { ...config.http, ...web } }, source, file: path };
}

/** Reads what `http.web_config` names; `file` and `source` are where that stands. */
async function loadWebConfig(
  { listen, webConfigFile }: Config['http'],
  file: string,
  source: YamlSource,
): Promise<{ readonly web?: WebConfig } | { readonly problems: readonly Problem[] }> {
  if (webConfigFile === undefined) return {};
  const refused = (message: string) => {
    const position = source.position(source.offsetOf(['http', 'web_config']));
    return { problems: [{ file, ...position, path: 'http.web_config', message }] };
  };
  const text = await readText(webConfigFile);
  if (text === undefined) return refused(`there is no file ${webConfigFile}`);
  if (typeof text !== 'string') return text;
  const parsed = await parseWebConfig(text, webConfigFile);
  if ('web' in parsed && parsed.web.tls !== undefined && listen.kind === 'unix') {
    return refused('a socket in the filesystem takes no TLS: its mode says who may connect');
  }
  return parsed;
}

/** undefined when there is no such file. */
async function readText(path: string): Promise<string | { readonly problems: readonly Problem[] } | undefined> {
  let bytes: Buffer | undefined;
  try {
    bytes = await readBounded(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    return fileProblem(path, `cannot be read: ${reasonOf(error as NodeJS.ErrnoException)}`);
  }
  if (bytes === undefined) return fileProblem(path, `is larger than 16 MiB (${CONFIG_BYTES_MAX} bytes), refused`);
  if (!isUtf8(bytes)) return { problems: [notUtf8(path, bytes)] };
  return bytes.toString('utf8');
}

/** What applies without a file. */
export function defaultConfig(): Config {
  return defaults().config;
}

function defaults(): { readonly config: Config; readonly source: YamlSource } {
  const parsed = parseConfig('', '');
  if ('problems' in parsed) throw new Error('the default configuration is not valid');
  return parsed;
}

/**
 * undefined when there is more than CONFIG_BYTES_MAX; counted while reading, since a file may grow and a device has no size.
 * What could be waited for, a FIFO or a terminal, is refused: a reload would find it empty.
 */
async function readBounded(path: string): Promise<Buffer | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stats = await handle.stat();
    if (stats.isFIFO() || stats.isSocket() || isatty(handle.fd)) throw new Error('it is not a regular file');
    const chunks: Buffer[] = [];
    let total = 0;
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(2 ** 18), 0, 2 ** 18, null);
      if (bytesRead === 0) return Buffer.concat(chunks);
      total += bytesRead;
      if (total > CONFIG_BYTES_MAX) return undefined;
      chunks.push(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle?.close();
  }
}

function fileProblem(file: string, message: string): { problems: Problem[] } {
  return { problems: [{ file, line: 1, column: 1, path: '', message }] };
}

function reasonOf(error: NodeJS.ErrnoException): string {
  const known = error.errno === undefined ? undefined : getSystemErrorMap().get(error.errno);
  return known ? `${known[1]} (${known[0]})` : error.message;
}

function notUtf8(file: string, bytes: Buffer): Problem {
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, start);
    const next = end < 0 ? bytes.length : end + 1;
    if (!isUtf8(bytes.subarray(start, next))) break;
    start = next;
  }
  return { file, line, column: 1, path: '', message: 'is not valid UTF-8' };
}
