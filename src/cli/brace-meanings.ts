import { expandBraces } from '../watch/braces.js';
import type { Loaded } from './config-notes.js';

/** Patterns of one with braces that are told. */
const TOLD_MAX = 4;

/** A line for each pattern with braces: what it stands for. */
export function expandedBraces({ origins }: Loaded): string[] {
  return origins.flatMap(({ source, index }) => {
    const { watches } = source.value as { watches: { name: string; include?: string[]; exclude?: string[] }[] };
    const { name, include = [], exclude = [] } = watches[index]!;
    return [...include, ...exclude].flatMap((pattern) => {
      const meant = expandBraces(pattern);
      return meant.length > 1 ? [`watch ${name}: ${pattern} stands for ${listOf(meant)}`] : [];
    });
  });
}

function listOf(patterns: readonly string[]): string {
  const more = patterns.length - TOLD_MAX;
  return [...patterns.slice(0, TOLD_MAX), ...(more > 0 ? [`${more} more`] : [])].join(', ');
}
