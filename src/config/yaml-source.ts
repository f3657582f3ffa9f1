import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, type YAMLMap } from 'yaml';
import type { KeyPath } from './problem.js';
import { parseYaml } from './yaml-parse.js';
import { YamlValue } from './yaml-value.js';

/** Something wrong at an offset of the text. */
export interface Finding {
  readonly offset: number;
  readonly path: KeyPath;
  readonly message: string;
}

/** A parsed YAML text: its plain value, and where each part of it came from. */
export class YamlSource {
  /** What YAML itself finds wrong. */
  readonly findings: readonly Finding[];
  /** The plain value, null for an empty file; undefined when the text could not be understood at all. */
  readonly value: unknown;
  private readonly document: Document.Parsed | undefined;
  private readonly lines = new LineCounter();
  private readonly pairs = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();
  private readonly targets: YamlValue['targets'] | undefined;

  constructor(text: string) {
    const { document, findings } = parseYaml(text, this.lines);
    this.document = document;
    if (document === undefined) {
      this.findings = findings;
      return;
    }
    const read = new YamlValue(document.contents);
    this.value = read.value;
    this.targets = read.targets;
    this.findings = read.findings;
  }

  position(offset: number): { line: number; column: number } {
    const { line, col } = this.lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  /** The offset of the value at `path`, or of the nearest part around it that exists. */
  offsetOf(path: KeyPath): number {
    let node: Node | null | undefined = this.document?.contents;
    let offset = offsetOfNode(node);
    for (const part of path) {
      const pair = this.pairAt(node, part);
      const child: Node | null | undefined = pair ? (pair.value as Node | null) : this.itemAt(node, part);
      if (pair === undefined && child === undefined) return offset;
      // A value that is not there is pointed at by its key.
      const isEmpty = child === null || (isScalar(child) && child.value === null && child.source === '');
      offset = offsetOfNode(isEmpty && pair ? (pair.key as Node) : child);
      node = child;
    }
    return offset;
  }

  /** The offset of a key of the map at `path`, for problems with the key itself. */
  offsetOfKey(path: KeyPath, key: string): number {
    let node: Node | null | undefined = this.document?.contents;
    for (const part of path) node = (this.pairAt(node, part)?.value as Node | null) ?? this.itemAt(node, part);
    const pair = this.pairAt(node, key);
    return pair ? offsetOfNode(pair.key as Node) : this.offsetOf(path);
  }

  private pairAt(node: Node | null | undefined, key: string | number): Pair | undefined {
    const map = this.resolve(node);
    return isMap(map) && typeof key === 'string' ? this.pairsOf(map).get(key) : undefined;
  }

  /** By key, the first of duplicates: a map may have very many keys that are all wrong. */
  private pairsOf(map: YAMLMap): ReadonlyMap<string, Pair> {
    const known = this.pairs.get(map);
    if (known !== undefined) return known;
    const pairs = new Map<string, Pair>();
    for (const pair of map.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
      if (!pairs.has(key)) pairs.set(key, pair);
    }
    this.pairs.set(map, pairs);
    return pairs;
  }

  private itemAt(node: Node | null | undefined, index: string | number): Node | undefined {
    const list = this.resolve(node);
    return isSeq(list) && typeof index === 'number' ? (list.items[index] as Node | undefined) : undefined;
  }

  private resolve(node: Node | null | undefined): Node | null | undefined {
    return isAlias(node) ? this.targets?.get(node) : node;
  }
}

function offsetOfNode(node: Node | null | undefined): number {
  return node?.range?.[0] ?? 0;
}
