import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
  visit,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import type { KeyPath } from './problem.js';

/** Something wrong at an offset of the text. */
export interface Finding {
  readonly offset: number;
  readonly path: KeyPath;
  readonly message: string;
}

/** Uses of anchors, multiplied where they nest: ten thousand watches may share a list, a few lines cannot become billions. */
const ALIASES_MAX = 100_000;

/** A parsed YAML text: its plain value, and where each part of it came from. */
export class YamlSource {
  /** What YAML itself finds wrong. */
  readonly findings: Finding[] = [];
  /** The plain value, null for an empty file; undefined when the text could not be understood at all. */
  readonly value: unknown;
  private readonly root: Node | null;
  private readonly lines = new LineCounter();
  /** The pairs of each map by key, the first of duplicates: a map may have very many keys that are all wrong. */
  private readonly pairs = new Map<YAMLMap, Map<string, Pair<Node, Node | null>>>();
  private readonly targets = new Map<Alias, Node>();

  constructor(text: string) {
    const document = parseDocument(text, {
      lineCounter: this.lines,
      stringKeys: true,
      // The library compares every key with every other one: 30,000 of them take it minutes.
      uniqueKeys: false,
      prettyErrors: false,
    });
    this.root = document.contents;
    this.findings.push(...syntaxFindings([...document.errors, ...document.warnings]));
    if (this.findings.length > 0) return;
    this.survey(document);
    try {
      this.value = document.toJS({ maxAliasCount: ALIASES_MAX });
    } catch (error) {
      this.findings.push({ offset: 0, path: [], message: `YAML: ${(error as Error).message}` });
    }
  }

  position(offset: number): { line: number; column: number } {
    const { line, col } = this.lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  /** The offset of the value at `path`, or of the nearest part around it that exists. */
  offsetOf(path: KeyPath): number {
    let node = this.root;
    let offset = offsetOfNode(node);
    for (const part of path) {
      const pair = this.pairAt(node, part);
      const child = pair === undefined ? this.itemAt(node, part) : pair.value;
      if (child === undefined) return offset;
      // A value that is not there is pointed at by its key.
      const isEmpty = child === null || (isScalar(child) && child.value === null && child.source === '');
      offset = offsetOfNode(isEmpty && pair !== undefined ? pair.key : child);
      node = child;
    }
    return offset;
  }

  /** The offset of a key of the map at `path`, for problems with the key itself. */
  offsetOfKey(path: KeyPath, key: string): number {
    let node: Node | null | undefined = this.root;
    for (const part of path) node = this.pairAt(node, part)?.value ?? this.itemAt(node, part);
    const pair = this.pairAt(node, key);
    return pair === undefined ? this.offsetOf(path) : offsetOfNode(pair.key);
  }

  /** Finds what the library leaves to its users; the rest of the file can be judged in the same run. */
  private survey(document: Document.Parsed): void {
    const anchors = new Map<string, Node>();
    visit(document, (_key, node, ancestors) => {
      if (isAlias(node)) return this.resolveAlias(node, ancestors, anchors);
      if (isMap<Node, Node | null>(node)) this.index(node, ancestors);
      if (isNode(node) && node.anchor !== undefined) anchors.set(node.anchor, node);
      return undefined;
    });
  }

  /** Returns what stands in place of an alias that cannot be resolved. */
  private resolveAlias(
    alias: Alias,
    ancestors: readonly unknown[],
    anchors: ReadonlyMap<string, Node>,
  ): Scalar | undefined {
    const target = anchors.get(alias.source);
    if (target !== undefined && !ancestors.includes(target)) {
      this.targets.set(alias, target);
      return undefined;
    }
    const message =
      target === undefined
        ? `text that starts with "*" must be quoted: "*${alias.source}"`
        : `the alias *${alias.source} contains itself`;
    this.report(alias, pathTo([...ancestors, alias]), message);
    const text = new Scalar(`*${alias.source}`);
    text.range = alias.range ?? null;
    return text;
  }

  private index(map: YAMLMap<Node, Node | null>, ancestors: readonly unknown[]): void {
    const pairs = new Map<string, Pair<Node, Node | null>>();
    for (const pair of map.items) {
      const key = keyOf(pair);
      if (pairs.has(key))
        this.report(pair.key, [...pathTo([...ancestors, map]), key], 'this key is already given above');
      else pairs.set(key, pair);
    }
    this.pairs.set(map, pairs);
  }

  private pairAt(node: Node | null | undefined, key: string | number): Pair<Node, Node | null> | undefined {
    const map = this.resolve(node);
    return isMap(map) && typeof key === 'string' ? this.pairs.get(map)?.get(key) : undefined;
  }

  private itemAt(node: Node | null | undefined, index: string | number): Node | undefined {
    const list = this.resolve(node);
    return isSeq(list) && typeof index === 'number' ? (list.items[index] as Node | undefined) : undefined;
  }

  private resolve(node: Node | null | undefined): Node | null | undefined {
    return isAlias(node) ? this.targets.get(node) : node;
  }

  private report(node: Node, path: KeyPath, message: string): void {
    this.findings.push({ offset: offsetOfNode(node), path, message });
  }
}

function syntaxFindings(errors: readonly YAMLError[]): Finding[] {
  const tooDeep = errors.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
  return (tooDeep === undefined ? errors : [tooDeep]).map(({ code, pos, message }) => {
    const words = {
      RESOURCE_EXHAUSTION: 'nested too deeply',
      MULTIPLE_DOCS: 'a second document; write one per file',
    };
    return { offset: pos[0], path: [], message: `YAML: ${words[code as keyof typeof words] ?? message}` };
  });
}

function offsetOfNode(node: Node | null | undefined): number {
  return node?.range?.[0] ?? 0;
}

function keyOf({ key }: Pair<Node, Node | null>): string {
  return isScalar(key) ? String(key.value) : String(key);
}

/** The path of the last of `nodes`, each of which contains the next one. */
function pathTo(nodes: readonly unknown[]): KeyPath {
  return nodes.flatMap((node, index): (string | number)[] => {
    if (isPair(node)) return [keyOf(node as Pair<Node, Node | null>)];
    return isSeq(node) && index + 1 < nodes.length ? [node.items.indexOf(nodes[index + 1])] : [];
  });
}
