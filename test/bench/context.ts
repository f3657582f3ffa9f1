import type { Plan } from './plan.js';
import type { Roots } from './workloads.js';

/** What every measurement needs. */
export interface Context {
  readonly plan: Plan;
  /** Directory of the bench's own programs. */
  readonly programs: string;
  /** The daemon's command line, up to its command. */
  readonly program: readonly string[];
  readonly roots: Roots;
  readonly outputs: string;
  /** Tells how far it is. */
  say(text: string): void;
}
