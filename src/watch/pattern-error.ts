/** A pattern that cannot be meant as it is written; the message says what to write instead. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}
