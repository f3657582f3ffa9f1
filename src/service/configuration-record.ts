import { createHash } from 'node:crypto';
import type { Config, WatchConfig } from '../model/config.js';
import type { Steps } from '../model/steps.js';

/** What a configuration says, in a form that can be compared with another one. */
export interface ConfigurationRecord {
  /** SHA-256 in hexadecimal digits; the same for the same settings, however they are written. */
  readonly hash: string;
  /** By name, the watch as JSON. */
  readonly watches: ReadonlyMap<string, string>;
  /** By key, the value as JSON. */
  readonly settings: ReadonlyMap<string, string>;
}

/** The watches and settings in which two configurations differ. */
export interface ConfigurationChanges {
  readonly added: readonly WatchConfig[];
  readonly changed: readonly WatchConfig[];
  readonly removed: readonly string[];
  readonly settings: readonly string[];
}

/** Ten thousand watches take 50 ms, hence the steps. Secrets of `http.web_config` stay out of the hash: the file's name is in it. */
export function* configurationRecordOf({
  watches,
  probe,
  log,
  http,
  socket,
  bursts,
  selfTest,
}: Config): Steps<ConfigurationRecord> {
  const hash = createHash('sha256');
  const texts = new Map<string, string>();
  for (const watch of watches) {
    const text = JSON.stringify(watch);
    texts.set(watch.name, text);
    hash.update(text).update('\n');
    yield;
  }
  // JSON has no Infinity; null is no value of these.
  const settings = Object.entries({
    probe,
    log,
    'http.listen': http.listen,
    'http.web_config': http.webConfigFile ?? 'off',
    socket,
    bursts,
    self_test: selfTest,
  }).map(([key, value]) => [key, JSON.stringify(value)] as const);
  for (const [key, text] of settings) hash.update(key).update(text).update('\n');
  return { hash: hash.digest('hex'), watches: texts, settings: new Map(settings) };
}

export function changesBetween(
  before: ConfigurationRecord | undefined,
  after: ConfigurationRecord,
  watches: readonly WatchConfig[],
): ConfigurationChanges {
  const added: WatchConfig[] = [];
  const changed: WatchConfig[] = [];
  for (const watch of watches) {
    const known = before?.watches.get(watch.name);
    if (known === undefined) added.push(watch);
    else if (known !== after.watches.get(watch.name)) changed.push(watch);
  }
  return {
    added,
    changed,
    removed: [...(before?.watches.keys() ?? [])].filter((name) => !after.watches.has(name)),
    settings: [...after.settings].filter(([key, text]) => before?.settings.get(key) !== text).map(([key]) => key),
  };
}
