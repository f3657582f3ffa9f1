import { Composer, type CST, type Document, Lexer, type LineCounter, Parser } from 'yaml';
import type { Finding } from './yaml-source.js';

/** The schema needs five levels. The library recurses per level, and a deep enough text would end the whole process. */
const DEPTH_MAX = 100;

/** A document only when the text is sound as far as YAML goes. */
export type YamlText =
  | { readonly document: Document.Parsed; readonly findings: readonly [] }
  | { readonly document: undefined; readonly findings: readonly Finding[] };

export function parseYaml(text: string, lines: LineCounter): YamlText {
  const tokens = tokenize(text, lines);
  if (!Array.isArray(tokens)) return { document: undefined, findings: [tokens] };
  const composer = new Composer({
    // The library compares every key with every other; the survey of the value finds duplicates in one pass.
    uniqueKeys: false,
    stringKeys: true,
  });
  const [document, second] = [...composer.compose(tokens, true, text.length)];
  if (document === undefined) throw new Error('the YAML library gave no document');
  const findings = [...document.errors, ...document.warnings].map((error) => ({
    offset: error.pos[0],
    path: [],
    message: `YAML: ${error.message}`,
  }));
  if (second !== undefined) {
    findings.push({ offset: second.range[0], path: [], message: 'YAML: a second document; write one per file' });
  }
  return findings.length === 0 ? { document, findings: [] } : { document: undefined, findings };
}

function tokenize(text: string, lines: LineCounter): CST.Token[] | Finding {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens: CST.Token[] = [];
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    if (parser.stack.length > DEPTH_MAX) {
      return { offset: parser.offset, path: [], message: `YAML: nested more than ${DEPTH_MAX} levels deep` };
    }
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
}
