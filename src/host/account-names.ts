import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';

/** Names kept that were asked for one by one; a host has few users that delete files. */
const LOOKED_UP_MAX = 4096;
/** How long an answer of the directory service is believed. */
const LOOKED_UP_FOR_MS = 10 * 60_000;
const LOOKUP_TIMEOUT_MS = 5_000;

interface LookedUp {
  readonly name: string | undefined;
  readonly at: number;
}

/**
 * Names of numeric users. The local file is read when it has changed; other ids are asked of the host's name
 * services (LDAP and the like) through getent(1), in the background: the first events of such a user have no name.
 */
export class AccountNames {
  private readonly file: string;
  private names = new Map<number, string>();
  private ids = new Map<string, number>();
  private readonly lookedUp = new Map<number, LookedUp>();
  /** What findIds() has found last. */
  private foundIds: ReadonlyMap<string, number> = new Map();
  private readonly pending = new Set<number>();
  private stamp = '';

  constructor(file = '/etc/passwd') {
    this.file = file;
    this.refresh();
  }

  /** undefined when the id has no name, or it is not known yet. Never waits. */
  nameOf(id: number): string | undefined {
    const name = this.names.get(id);
    if (name !== undefined) return name;
    const known = this.lookedUp.get(id);
    const isBelieved = known !== undefined && Date.now() - known.at <= LOOKED_UP_FOR_MS;
    if (!isBelieved && !this.pending.has(id)) {
      // Users who were added a moment ago are in the file already.
      this.refresh();
      const added = this.names.get(id);
      if (added !== undefined) return added;
      this.lookUp(id);
    }
    return known?.name;
  }

  /** The id of a name of the local file, or of one that findIds() has found; for configuration. */
  idOf(name: string): number | undefined {
    return this.ids.get(name) ?? this.foundIds.get(name);
  }

  /**
   * Asks the host's name services for the ids of those names that the local file does not have; what they do not know any
   * more is forgotten. Never rejects. An answer can take as long as the directory service does, 5 s at most for each
   * name that is known nowhere.
   */
  async findIds(names: readonly string[]): Promise<void> {
    this.refresh();
    // No user has a name that looks like an option.
    const missing = names.filter((name) => !this.ids.has(name) && !name.startsWith('-'));
    // Entries come under their canonical names: who is not among them may still be found under another name.
    const answers = missing.length === 0 ? new Map<string, number>() : (await this.ask(missing)).ids;
    const found = new Map<string, number>();
    for (const name of missing) {
      const id = answers.get(name) ?? (missing.length === 1 ? firstOf(answers) : firstOf((await this.ask([name])).ids));
      if (id !== undefined) found.set(name, id);
    }
    this.foundIds = found;
  }

  /** Reads the local file when it has changed. */
  refresh(): void {
    try {
      const { mtimeMs, ino, size } = statSync(this.file);
      const stamp = `${mtimeMs} ${ino} ${size}`;
      if (stamp === this.stamp) return;
      ({ names: this.names, ids: this.ids } = parse(readFileSync(this.file, 'utf8')));
      this.stamp = stamp;
    } catch {
      // Without the file every id is asked of the name services.
      ({ names: this.names, ids: this.ids } = parse(''));
      this.stamp = '';
    }
  }

  private lookUp(id: number): void {
    if (this.pending.size > 16) return;
    this.pending.add(id);
    void this.ask([String(id)]).then(({ names }) => {
      this.pending.delete(id);
      if (this.lookedUp.size >= LOOKED_UP_MAX) this.lookedUp.clear();
      this.lookedUp.set(id, { name: names.get(id), at: Date.now() });
    });
  }

  /** The entries of those keys, names or ids, that the name services know. */
  private ask(keys: readonly string[]): Promise<ReturnType<typeof parse>> {
    return new Promise((resolve) => {
      execFile('getent', ['passwd', ...keys], { timeout: LOOKUP_TIMEOUT_MS }, (_error, stdout) =>
        resolve(parse(stdout)),
      );
    });
  }
}

function firstOf(ids: ReadonlyMap<string, number>): number | undefined {
  return ids.values().next().value;
}

/** passwd(5), name:password:id:… The first of several names for one id counts, and the first of several ids for one name. */
function parse(text: string): { names: Map<number, string>; ids: Map<string, number> } {
  const names = new Map<number, string>();
  const ids = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, , digits] = line.split(':');
    if (!name || !digits || !/^\d+$/.test(digits)) continue;
    const id = Number(digits);
    if (!names.has(id)) names.set(id, name);
    if (!ids.has(name)) ids.set(name, id);
  }
  return { names, ids };
}
