/**
 * Writes the "newc" cpio format that the kernel unpacks as an initramfs. The kernel accepts several archives one after
 * the other, and a later file replaces an earlier one, so an expensive part can be written once and reused. Our own,
 * because cpio(1) and bsdtar copy a tree as it is on the host: they neither put files at other paths nor write contents
 * from memory, so each run would first have to build that tree on disk.
 */
import fs from 'node:fs';
import path from 'node:path';

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const COPY_CHUNK_BYTES = 1 << 20;

const padTo4 = (length: number): number => (4 - (length % 4)) % 4;

export class CpioWriter {
  readonly #fd: number;
  #inode = 1;
  readonly #made = new Set(['/']);

  /** Appends one archive to what the file already holds. */
  constructor(file: string) {
    this.#fd = fs.openSync(file, 'a');
  }

  #entry(name: string, mode: number, size: number, mtimeSeconds = 0): void {
    const stored = Buffer.from(`${name.replace(/^\/+/, '')}\0`);
    const fields = [this.#inode++, mode, 0, 0, 1, mtimeSeconds, size, 0, 0, 0, 0, stored.length, 0];
    const header = Buffer.from(`070701${fields.map((value) => value.toString(16).padStart(8, '0')).join('')}`);
    const padding = Buffer.alloc(padTo4(header.length + stored.length));
    fs.writeSync(this.#fd, Buffer.concat([header, stored, padding]));
  }

  #data(content: Buffer): void {
    fs.writeSync(this.#fd, content);
    fs.writeSync(this.#fd, Buffer.alloc(padTo4(content.length)));
  }

  /** A directory together with those above it that this archive has not made yet. */
  directory(guestPath: string, mode = 0o755): void {
    const name = path.posix.normalize(guestPath);
    if (this.#made.has(name)) return;
    this.directory(path.posix.dirname(name));
    this.#made.add(name);
    this.#entry(name, S_IFDIR | mode, 0);
  }

  text(guestPath: string, content: string | Buffer, mode = 0o644): void {
    this.directory(path.posix.dirname(guestPath));
    const data = typeof content === 'string' ? Buffer.from(content) : content;
    this.#entry(guestPath, S_IFREG | mode, data.length);
    this.#data(data);
  }

  symlink(guestPath: string, target: string): void {
    this.directory(path.posix.dirname(guestPath));
    const data = Buffer.from(target);
    this.#entry(guestPath, S_IFLNK | 0o777, data.length);
    this.#data(data);
  }

  #copyFile(hostPath: string, guestPath: string, stat: fs.Stats): void {
    this.directory(path.posix.dirname(guestPath));
    this.#entry(guestPath, S_IFREG | (stat.mode & 0o7777), stat.size, Math.floor(stat.mtimeMs / 1000));
    const source = fs.openSync(hostPath, 'r');
    try {
      const chunk = Buffer.allocUnsafe(COPY_CHUNK_BYTES);
      let left = stat.size;
      while (left > 0) {
        const bytes = fs.readSync(source, chunk, 0, Math.min(left, chunk.length), null);
        if (bytes === 0) throw new Error(`${hostPath} became shorter while it was copied`);
        fs.writeSync(this.#fd, chunk, 0, bytes);
        left -= bytes;
      }
    } finally {
      fs.closeSync(source);
    }
    fs.writeSync(this.#fd, Buffer.alloc(padTo4(stat.size)));
  }

  /** A file, symlink or whole directory of the host. `follow` copies what a symlink at the top points to. */
  copy(hostPath: string, guestPath: string, { follow = false } = {}): void {
    const stat = follow ? fs.statSync(hostPath) : fs.lstatSync(hostPath);
    if (stat.isSymbolicLink()) {
      this.symlink(guestPath, fs.readlinkSync(hostPath));
    } else if (stat.isDirectory()) {
      this.directory(guestPath, stat.mode & 0o7777);
      for (const name of fs.readdirSync(hostPath).sort()) {
        this.copy(path.join(hostPath, name), path.posix.join(guestPath, name));
      }
    } else if (stat.isFile()) {
      this.#copyFile(hostPath, guestPath, stat);
    }
    // Sockets, pipes and devices have no place in a product's tree; the guest makes its own.
  }

  end(): void {
    this.#entry('TRAILER!!!', 0, 0);
    fs.closeSync(this.#fd);
  }
}
