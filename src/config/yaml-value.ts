import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import type { KeyPath } from './problem.js';
import type { Finding } from './yaml-source.js';

/**
 * How many values a file may gain through aliases. Sharing a list of patterns between watches stays far below; a few nested
 * lines that expand to billions of values do not.
 */
const ALIASED_VALUES_MAX = 1_000_000;

interface Sized {
  readonly value: unknown;
  /** How many values it holds, counting what aliases stand for. */
  readonly size: number;
}

/**
 * Turns YAML nodes into plain values, and finds what the library leaves to its users: duplicate keys, aliases without an anchor,
 * aliases that contain themselves or expand without measure. None of these stops the reading, so that the rest of the file
 * can be judged in the same run.
 */
export class YamlValue {
  readonly value: unknown;
  readonly findings: Finding[] = [];
  /** What each alias stands for. */
  readonly targets = new Map<Alias, Node>();
  private readonly anchors = new Map<string, Node>();
  private readonly sizes = new Map<Node, Sized | 'open'>();
  private aliased = 0;

  constructor(root: Node | null) {
    this.value = root === null ? null : this.read(root, []).value;
  }

  private read(node: Node, path: KeyPath): Sized {
    if (isAlias(node)) return this.readAlias(node, path);
    if (node.anchor !== undefined) {
      this.anchors.set(node.anchor, node);
      this.sizes.set(node, 'open');
    }
    const sized = isMap(node)
      ? this.readMap(node, path)
      : isSeq(node)
        ? this.readItems(node.items as readonly Node[], path)
        : { value: isScalar(node) ? node.value : null, size: 1 };
    if (node.anchor !== undefined) this.sizes.set(node, sized);
    return sized;
  }

  private readItems(items: readonly Node[], path: KeyPath): Sized {
    let size = 1;
    const value = items.map((item, index) => {
      const child = this.read(item, [...path, index]);
      size += child.size;
      return child.value;
    });
    return { value, size };
  }

  private readMap(map: YAMLMap, path: KeyPath): Sized {
    // Without a prototype every key is just a key, "__proto__" too.
    const value: Record<string, unknown> = Object.create(null);
    let size = 1;
    for (const pair of map.items) {
      const keyNode = pair.key as Node;
      const key = isScalar(keyNode) ? String(keyNode.value) : String(keyNode);
      const child = pair.value === null ? { value: null, size: 1 } : this.read(pair.value as Node, [...path, key]);
      size += child.size;
      if (key in value) this.report(keyNode, [...path, key], 'this key is already given above');
      else value[key] = child.value;
    }
    return { value, size };
  }

  private readAlias(alias: Alias, path: KeyPath): Sized {
    const target = this.anchors.get(alias.source);
    const sized = target && this.sizes.get(target);
    if (target === undefined || sized === undefined) {
      this.report(alias, path, `text that starts with "*" must be quoted: "*${alias.source}"`);
      return { value: `*${alias.source}`, size: 1 };
    }
    if (sized === 'open') {
      this.report(alias, path, `the alias *${alias.source} contains itself`);
      return { value: null, size: 1 };
    }
    this.targets.set(alias, target);
    this.aliased += sized.size;
    if (this.aliased > ALIASED_VALUES_MAX) {
      if (this.aliased - sized.size <= ALIASED_VALUES_MAX) {
        this.report(alias, path, `aliases make the file expand to more than ${ALIASED_VALUES_MAX} values`);
      }
      return { value: null, size: 1 };
    }
    return sized;
  }

  private report(node: Node, path: KeyPath, message: string): void {
    this.findings.push({ offset: node.range?.[0] ?? 0, path, message });
  }
}
