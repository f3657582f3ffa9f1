import { FILTER_PREFIX_BYTES } from '../probe/record-layout.generated.js';
import type { Explanation } from './watch-set.js';

export type Stage = 'kernel' | 'daemon';

/**
 * Where it is settled whether a watch wants a path. The kernel compares fixed beginnings of paths: that settles paths outside
 * of all of them, and those inside one where nothing but `**` follows; the rest is the daemon's.
 */
export function decidingStage({ include, exclude, includes, watch }: Explanation, path: string): Stage {
  const possible = includes.filter((glob) => path.startsWith(glob.literalPrefix.slice(0, FILTER_PREFIX_BYTES)));
  if (possible.length === 0) return 'kernel';
  const whole = possible.some((glob) => glob.prefixDecides && glob.literalPrefix.length <= FILTER_PREFIX_BYTES);
  return include !== undefined && exclude === undefined && whole && watch.exclude.length === 0 ? 'kernel' : 'daemon';
}
