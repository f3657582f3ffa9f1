import { expect } from 'vitest';
import { checkFile, type LineAccount, lineProblems, newLineCheck } from '../event-lines/event-lines.js';

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
