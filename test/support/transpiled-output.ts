import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const SOURCE = fileURLToPath(new URL('../../src/output/', import.meta.url));

/** Writes the output modules as JavaScript under `directory`, for tests that need a process of their own without a build. */
export function transpileOutput(directory: string): void {
  fs.writeFileSync(path.join(directory, 'package.json'), '{"type":"module"}');
  for (const name of fs.readdirSync(SOURCE)) {
    const { outputText } = ts.transpileModule(fs.readFileSync(path.join(SOURCE, name), 'utf8'), {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
    });
    fs.writeFileSync(path.join(directory, name.replace(/\.ts$/, '.js')), outputText);
  }
}
