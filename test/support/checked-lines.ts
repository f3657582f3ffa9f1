import { expect } from 'vitest';
import { checkFile, lineProblems, newLineCheck } from '../event-lines/event-lines.mjs';

/** What a check of lines found, here or in another process. */
export interface LineAccount {
  readonly lines: number;
  readonly invalid: number;
  /** What is wrong with the first invalid lines. */
  readonly problems: readonly string[];
}

/** Every event line that daemons wrote in the test file that runs, held against config/event.schema.json. */
class CheckedLines {
  private readonly all = newLineCheck();

  /** Throws when a line is not of the schema. */
  addFile(file: string): void {
    this.add(checkFile(file));
  }

  add(account: LineAccount): void {
    this.all.merge(account);
    if (account.invalid > 0) throw new Error(lineProblems(account).join('\n'));
  }

  get account(): LineAccount {
    return this.all;
  }
}

export const checkedLines = new CheckedLines();

/** For afterAll(): prints how many lines were checked; fails when none was, or one was wrong. */
export function expectCheckedLines(): void {
  const { lines, invalid } = checkedLines.account;
  console.log(`event lines held against the schema: ${lines}, invalid: ${invalid}`);
  expect(lineProblems(checkedLines.account)).toEqual([]);
}
