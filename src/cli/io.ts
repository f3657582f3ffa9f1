/** Where a command writes: results to stdout, everything about the run itself to stderr. */
export interface CommandIo {
  readonly stdout: TextWriter;
  readonly stderr: TextWriter;
}

export interface TextWriter {
  write(text: string): unknown;
}
