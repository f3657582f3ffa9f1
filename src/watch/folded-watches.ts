import type { WatchConfig } from '../model/config.js';
import { foldText } from '../text/case-fold.js';
import { compileGlob, type GlobRole } from './glob.js';

/** The watch with patterns for folded paths (see foldPath): they match whatever case a name has. */
export function foldedWatch(watch: WatchConfig): WatchConfig {
  return {
    ...watch,
    include: watch.include.map((pattern) => foldedPattern(pattern, 'include')),
    exclude: watch.exclude.map((pattern) => foldedPattern(pattern, 'exclude')),
  };
}

/**
 * A range from an upper case letter to a lower case one, as in `[Z-a]`, has no folded form: an include then takes any
 * character in its place, an exclude stays as it is, so that neither hides a deletion.
 */
function foldedPattern(pattern: string, role: GlobRole): string {
  const folded = foldText(pattern);
  if (isPattern(folded, role)) return folded;
  const wider = folded.replace(/\[[^\]/]*\]/g, '?');
  return role === 'include' && isPattern(wider, role) ? wider : pattern;
}

function isPattern(pattern: string, role: GlobRole): boolean {
  try {
    compileGlob(pattern, role);
    return true;
  } catch {
    return false;
  }
}
