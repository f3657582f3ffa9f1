import { pageObstacle } from '../http/page-access.js';
import type { Config } from '../model/config.js';
import type { WebConfig } from '../model/web-config.js';
import { parseConfig } from './parse.js';
import type { Problem } from './problem.js';
import { fileProblem, readText } from './read-text.js';
import { loadWatchFiles, namesGivenTwice, type PlacedWatch, type WatchOrigin } from './watch-files.js';
import { parseWebConfig } from './web-config.js';
import type { YamlSource } from './yaml-source.js';

export { type ParseResult, parseConfig } from './parse.js';
export { CONFIG_BYTES_MAX } from './read-text.js';

export const DEFAULT_CONFIG_FILE = '/etc/rmwatch/rmwatch.yaml';

export type LoadResult =
  | {
      readonly config: Config;
      /** Where each watch was written; empty for the default one, which is written nowhere. */
      readonly origins: readonly WatchOrigin[];
      /** undefined: no file was given and there is none, nor any of conf.d: these are the defaults. */
      readonly file: string | undefined;
    }
  | { readonly problems: readonly Problem[] };

/**
 * Reads the given file, which must then exist, or the default one, which need not, and the watches of conf.d beside it. The
 * watches add up; without any in the files the default one stands. Problems come of all files at once.
 */
export async function loadConfig(file: string | undefined, defaultFile = DEFAULT_CONFIG_FILE): Promise<LoadResult> {
  const path = file ?? defaultFile;
  const [text, more] = await Promise.all([readText(path), loadWatchFiles(path)]);
  if (text === undefined && file !== undefined) {
    return fileProblem(path, 'cannot be read: no such file or directory (ENOENT)');
  }
  const loaded = await combine(text ?? '', path, more);
  const isDefault = text === undefined && 'config' in loaded && loaded.origins.length === 0;
  return isDefault ? { ...loaded, file: undefined } : loaded;
}

/** As loadConfig(), for a text that is in no file; `name` stands for the file in the problems. */
export async function loadConfigText(
  text: string | { readonly problems: readonly Problem[] },
  name: string,
): Promise<LoadResult> {
  return combine(text, name, { placed: [] });
}

async function combine(
  text: string | { readonly problems: readonly Problem[] },
  path: string,
  more: Awaited<ReturnType<typeof loadWatchFiles>>,
): Promise<LoadResult> {
  const parsed = typeof text === 'string' ? parseConfig(text, path) : text;
  if ('problems' in parsed || 'problems' in more) {
    return { problems: [parsed, more].flatMap((read) => ('problems' in read ? read.problems : [])) };
  }
  const { config, source } = parsed;
  const placed = [...placedWatches(config, source, path), ...more.placed];
  const problems = namesGivenTwice(placed);
  if (problems.length > 0) return { problems };
  const web = await loadWebConfig(config.http, path, source);
  if ('problems' in web) return web;
  const http = { ...config.http, ...web };
  const obstacle = http.page ? pageObstacle(http) : undefined;
  if (obstacle !== undefined) {
    const position = source.position(source.offsetOf(['http', 'page']));
    return { problems: [{ file: path, ...position, path: 'http.page', message: obstacle }] };
  }
  return {
    config: {
      ...config,
      watches: placed.length === 0 ? config.watches : placed.map(({ watch }) => watch),
      http,
    },
    origins: placed.map(({ origin }) => origin),
    file: path,
  };
}

/** The watches that the file names; none when the default one stands for them. */
function placedWatches({ watches }: Config, source: YamlSource, file: string): PlacedWatch[] {
  const written = (source.value as { watches?: unknown } | null)?.watches;
  if (written === undefined) return [];
  return watches.map((watch, index) => ({ watch, origin: { file, source, index } }));
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

/** What applies without a file. */
export function defaultConfig(): Config {
  const parsed = parseConfig('', '');
  if ('problems' in parsed) throw new Error('the default configuration is not valid');
  return parsed.config;
}
