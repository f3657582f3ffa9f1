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
 * Names of numeric users or groups. The local file is read when it has changed; other ids are asked of the host's name
 * services (LDAP and the like) through getent(1), in the background: the first events of such a user have no name.
 */
export class AccountNames {
  private readonly file: string;
  private readonly database: 'passwd' | 'group';
  private names = new Map<number, string>();
  private ids = new Map<string, number>();
  private readonly lookedUp = new Map<number, LookedUp>();
  private readonly pending = new Set<number>();
  private stamp = '';

  constructor(database: 'passwd' | 'group', file = `/etc/${database}`) {
    this.database = database;
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

  /** The id of a name of the local file; for configuration. */
  idOf(name: string): number | undefined {
    return this.ids.get(name);
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
    execFile('getent', [this.database, String(id)], { timeout: LOOKUP_TIMEOUT_MS }, (_error, stdout) => {
      this.pending.delete(id);
      if (this.lookedUp.size >= LOOKED_UP_MAX) this.lookedUp.clear();
      this.lookedUp.set(id, { name: parse(stdout).names.get(id), at: Date.now() });
    });
  }
}

/** passwd(5), group(5): name:password:id:… Of several names for one id, and of several ids for one name, the first counts. */
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
