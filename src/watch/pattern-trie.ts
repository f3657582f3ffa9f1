import { ANY_DEPTH, type Glob } from './glob.js';
import { SegmentIndex } from './segment-index.js';

/** What is left to match once the names before are consumed; patterns with the same beginning share nodes. */
export class Node<T> {
  /** Reached through `**`: stays active whatever directory comes next. */
  readonly atAnyDepth: boolean;
  /** Patterns that go on after one more directory. */
  directories: SegmentIndex<Node<T>> | undefined;
  /** Patterns that end with one more name. */
  names: SegmentIndex<T> | undefined;
  /** Patterns that go on with `**`. */
  below: Node<T> | undefined;
  private known: readonly T[] | undefined;

  constructor(atAnyDepth: boolean) {
    this.atAnyDepth = atAnyDepth;
  }

  /** The values of all patterns that go on from here. Asked only when the trie is complete. */
  get values(): readonly T[] {
    if (this.known === undefined) {
      const values = [...(this.names?.values() ?? [])];
      for (const child of this.directories?.values() ?? []) for (const value of child.values) values.push(value);
      for (const value of this.below?.values ?? []) values.push(value);
      this.known = values;
    }
    return this.known;
  }
}

/** The patterns of a trie that are still possible inside one directory. */
export interface Candidates<T> {
  /** Values of patterns that match every name in the directory. */
  readonly constant: readonly T[];
  /** Where the values of further patterns depend on the name. */
  readonly dependent: readonly SegmentIndex<T>[];
}

/** What is left of the patterns of a trie below one directory. */
export type Rest<T> = ReadonlySet<Node<T>>;

/**
 * All patterns of one kind, walked together, one directory at a time: the cost of a directory is the number of nodes that are
 * active on the way, not the number of patterns.
 */
export class PatternTrie<T> {
  private readonly root = new Node<T>(false);

  /** The value kept for this pattern, made when there is none. Patterns that mean the same share one. */
  getOrAdd(glob: Glob, make: () => T): T {
    let node = this.root;
    for (const segment of glob.segments.slice(0, -1)) {
      if (segment === ANY_DEPTH) {
        node.below ??= new Node<T>(true);
        node = node.below;
      } else {
        node.directories ??= new SegmentIndex();
        node = node.directories.getOrAdd(segment, () => new Node<T>(false));
      }
    }
    const last = glob.segments.at(-1);
    if (last === undefined || last === ANY_DEPTH) throw new Error(`pattern without a last name: ${glob.source}`);
    node.names ??= new SegmentIndex();
    return node.names.getOrAdd(last, make);
  }

  /** For many directories that are asked for one after the other. */
  walk(): TrieWalk<T> {
    return new TrieWalk(activate(this.root, new Set()));
  }

  /** What is possible below `directories`, counted from the root. */
  candidates(directories: readonly string[]): Candidates<T> {
    return candidatesFrom(activate(this.root, new Set()), directories);
  }

  /** What is possible below `directories` when it is not known which ones lead to the first of them. */
  candidatesAnywhere(directories: readonly string[]): Candidates<T> {
    return candidatesFrom(this.everyNode(), directories);
  }

  /** What is left of the patterns below `directories`, counted from the root. */
  rest(directories: readonly string[]): Rest<T> {
    return advance(activate(this.root, new Set()), directories);
  }

  /** As rest(), of patterns only that lead there by names without wildcards. */
  restByName(directories: readonly string[]): Node<T> | undefined {
    let node: Node<T> | undefined = this.root;
    for (const directory of directories) node = node?.directories?.literal(directory);
    return node;
  }

  /** As rest(), when it is not known which directories lead to the first of them. */
  restAnywhere(directories: readonly string[]): Rest<T> {
    return advance(this.everyNode(), directories);
  }

  /** As restAnywhere, but only what is left wherever that is. */
  restEverywhere(directories: readonly string[]): Rest<T> {
    return advance(this.nodesEverywhere(), directories);
  }

  /** As candidatesAnywhere, but only what is possible wherever that is: patterns that begin with `**`. */
  candidatesEverywhere(directories: readonly string[]): Candidates<T> {
    return candidatesFrom(this.nodesEverywhere(), directories);
  }

  private everyNode(): Set<Node<T>> {
    const all = new Set<Node<T>>([this.root]);
    for (const node of all) {
      if (node.below !== undefined) all.add(node.below);
      for (const child of node.directories?.values() ?? []) all.add(child);
    }
    return all;
  }

  private nodesEverywhere(): Set<Node<T>> {
    const { below } = this.root;
    return below === undefined ? new Set() : activate(below, new Set());
  }
}

/**
 * The way of many directories through a trie. What their names have in common is walked once, and directories that no
 * pattern tells apart get the same objects: thousands of bind mounts cost one lookup for each of their names.
 */
export class TrieWalk<T> {
  private readonly start: Step<T>;

  constructor(start: Set<Node<T>>) {
    this.start = new Step(start);
  }

  /** As PatternTrie.candidates(). */
  candidates(directories: readonly string[]): Candidates<T> {
    return this.stepAt(directories).candidates;
  }

  /** As PatternTrie.rest(). */
  rest(directories: readonly string[]): Rest<T> {
    return this.stepAt(directories).active;
  }

  private stepAt(directories: readonly string[]): Step<T> {
    let step = this.start;
    for (const directory of directories) {
      if (step.active.size === 0) break;
      step = step.next(directory);
    }
    return step;
  }
}

/** Where directories are on their way, and where each name leads from there. */
class Step<T> {
  private known: Candidates<T> | undefined;
  /** Most have none: where patterns name each of thousands of directories, as many steps are the last ones. */
  private named: Map<string, Step<T>> | undefined;
  /** After a name that no pattern has. */
  private unnamed: Step<T> | undefined;

  constructor(readonly active: Set<Node<T>>) {}

  get candidates(): Candidates<T> {
    this.known ??= candidatesOf(this.active);
    return this.known;
  }

  next(directory: string): Step<T> {
    const known = this.named?.get(directory);
    if (known !== undefined) return known;
    const matching = matchingNodes(this.active, directory);
    if (matching.length === 0) {
      this.unnamed ??= new Step(after(this.active, matching));
      return this.unnamed;
    }
    const next = new Step(after(this.active, matching));
    this.named ??= new Map();
    this.named.set(directory, next);
    return next;
  }
}

function advance<T>(start: Set<Node<T>>, directories: readonly string[]): Set<Node<T>> {
  let active = start;
  for (const directory of directories) {
    active = after(active, matchingNodes(active, directory));
    if (active.size === 0) break;
  }
  return active;
}

/** Where patterns lead that go on with a name and match this one; `*` is none of them. */
function matchingNodes<T>(active: Set<Node<T>>, directory: string): Node<T>[] {
  const matching: Node<T>[] = [];
  for (const { directories } of active) directories?.forEachDependent(directory, (node) => matching.push(node));
  return matching;
}

/** What is active after one more directory, which leads to `matching`. */
function after<T>(active: Set<Node<T>>, matching: readonly Node<T>[]): Set<Node<T>> {
  const next = new Set<Node<T>>();
  for (const node of active) {
    if (node.atAnyDepth) activate(node, next);
    if (node.directories?.constant !== undefined) activate(node.directories.constant, next);
  }
  for (const node of matching) activate(node, next);
  return next;
}

function candidatesFrom<T>(start: Set<Node<T>>, directories: readonly string[]): Candidates<T> {
  return candidatesOf(advance(start, directories));
}

function candidatesOf<T>(active: Set<Node<T>>): Candidates<T> {
  const constant: T[] = [];
  const dependent: SegmentIndex<T>[] = [];
  for (const { names } of active) {
    if (names === undefined) continue;
    if (names.constant !== undefined) constant.push(names.constant);
    if (names.dependsOnName) dependent.push(names);
  }
  return { constant, dependent };
}

/** `**` may stand for no directory at all, so what follows it is possible at once. */
function activate<T>(node: Node<T>, active: Set<Node<T>>): Set<Node<T>> {
  active.add(node);
  if (node.below !== undefined) active.add(node.below);
  return active;
}
