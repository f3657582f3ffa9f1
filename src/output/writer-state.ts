/** Why the last attempt to write failed. */
export interface WriteFailure {
  /** An errno name, or a code of its own such as `REMOVED`. */
  readonly code: string;
  /** The other end has no reader any more. */
  readonly readerGone: boolean;
}

/** What has gone wrong since the output took its last byte. */
export type WriterTrouble = 'none' | 'stalled' | WriteFailure;

/** What the event writer does at the moment. */
export type WriterState =
  /** Nothing is on its way: the next bytes can be written at once. */
  | { readonly name: 'ready'; readonly trouble: WriterTrouble }
  /** More waits than one turn of the event loop may write; the next turn goes on. */
  | { readonly name: 'yielding'; readonly trouble: WriterTrouble }
  /** `bytes` are on their way. */
  | { readonly name: 'writing'; readonly bytes: number; readonly trouble: WriterTrouble }
  /** The last attempt failed. The next one is due at `retryAtMs` (performance.now()). */
  | { readonly name: 'waiting'; readonly trouble: WriteFailure; readonly retryAtMs: number }
  | { readonly name: 'closed'; readonly trouble: WriterTrouble };

/** What happens to the event writer. */
export type WriterInput =
  /** The sink took `bytes`; 0: there was no room. */
  | { readonly name: 'taken'; readonly bytes: number }
  /** The sink has `bytes` under way and reports later. */
  | { readonly name: 'begun'; readonly bytes: number }
  /** This turn of the event loop has written enough. */
  | { readonly name: 'yielded' }
  /** The next turn has come. */
  | { readonly name: 'turn' }
  /** The sink refused the bytes, or could not be opened. */
  | { readonly name: 'failed'; readonly failure: WriteFailure; readonly retryAtMs: number }
  /** It is time to try again. */
  | { readonly name: 'retry' }
  /** Another sink is in use: what was wrong with the old one does not matter any more. */
  | { readonly name: 'replaced' }
  /** Nothing was taken for too long. */
  | { readonly name: 'stalled' }
  | { readonly name: 'close' };

export const INITIAL_STATE: WriterState = { name: 'ready', trouble: 'none' };
const YIELDING: WriterState = { name: 'yielding', trouble: 'none' };

/**
 * The state after `input`. An input that comes too late for its state, such as a timer that ran out meanwhile, changes
 * nothing. Throws for one that contradicts the state, such as a second write beside the first.
 */
export function nextState(state: WriterState, input: WriterInput): WriterState {
  if (state.name === 'closed') return state;
  switch (input.name) {
    case 'taken':
      if (state.name === 'waiting' || state.name === 'yielding') break;
      if (input.bytes > 0) return INITIAL_STATE;
      return { name: 'ready', trouble: state.trouble };
    case 'begun':
      if (state.name !== 'ready') break;
      return { name: 'writing', bytes: input.bytes, trouble: state.trouble };
    case 'yielded':
      if (state.name !== 'ready') break;
      return YIELDING;
    case 'turn':
      return state.name === 'yielding' ? INITIAL_STATE : state;
    case 'failed':
      return { name: 'waiting', trouble: input.failure, retryAtMs: input.retryAtMs };
    case 'retry':
      return state.name === 'waiting' ? { name: 'ready', trouble: state.trouble } : state;
    case 'replaced':
      if (state.name === 'writing') break;
      return { name: 'ready', trouble: 'none' };
    case 'stalled':
      return state.name !== 'waiting' && state.trouble === 'none' ? { ...state, trouble: 'stalled' } : state;
    case 'close':
      return { name: 'closed', trouble: state.trouble };
    default:
      return input satisfies never;
  }
  throw new Error(`event writer: "${input.name}" while ${state.name}`);
}

/** The failure that the output has not recovered from; undefined when there is none. */
export function failureOf({ trouble }: WriterState): WriteFailure | undefined {
  return typeof trouble === 'string' ? undefined : trouble;
}
