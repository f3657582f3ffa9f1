import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url));
/** The rooms whose modules write lines, with those that they import. */
const ROOMS = ['diagnostics', 'event', 'model', 'output', 'text'];

/** Writes these rooms as JavaScript under `directory`, for tests that need a process of their own without a build. */
export function transpileOutput(directory: string): void {
  fs.writeFileSync(path.join(directory, 'package.json'), '{"type":"module"}');
  for (const room of ROOMS) {
    fs.mkdirSync(path.join(directory, room), { recursive: true });
    for (const name of fs.readdirSync(path.join(SOURCE, room))) {
      const { outputText } = ts.transpileModule(fs.readFileSync(path.join(SOURCE, room, name), 'utf8'), {
        compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
      });
      fs.writeFileSync(path.join(directory, room, name.replace(/\.ts$/, '.js')), outputText);
    }
  }
}
