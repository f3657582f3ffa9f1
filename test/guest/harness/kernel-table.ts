/** kernels.json: which kernels guests boot, and what else they need of Debian. */
import fs from 'node:fs';
import type { Suite } from './debian-archive.js';

export interface KernelEntry extends Suite {
  readonly name: string;
  /** Why it is tested. */
  readonly why: string;
  /** Instead of the table's own. */
  readonly metaPackage?: string;
  /** Of a kernel that is built in another way than the others; it has few rows. */
  readonly flavour?: string;
  /** Not locked: always the newest of its suite. */
  readonly moves?: boolean;
  /** The kernel, by its name here, that it has to be newer than: it shows nothing otherwise. */
  readonly newerThan?: string;
  /** Its rows are told, and do not fail a run. */
  readonly mayFail?: boolean;
}

export interface ToolEntry {
  readonly archives: readonly Suite[];
  readonly packages: readonly string[];
  readonly targetRelease?: string;
  /** False: these packages only, without what they depend on. */
  readonly closure?: boolean;
}

export interface RootEntry {
  readonly suite: string;
  readonly archives: readonly Suite[];
  readonly packages: readonly string[];
  readonly imageMiB: number;
}

interface Table {
  readonly metaPackage: string;
  readonly packagePattern: string;
  readonly kernels: readonly KernelEntry[];
  readonly tools: {
    readonly qemu: ToolEntry & { readonly minimumMajor: number };
    readonly busybox: ToolEntry;
    readonly mmdebstrap: ToolEntry;
  };
  /** Root file systems, by Debian's release. */
  readonly roots: Readonly<Record<string, RootEntry>>;
}

export type ToolName = keyof Table['tools'];

const table: Table = JSON.parse(fs.readFileSync(new URL('./kernels.json', import.meta.url), 'utf8'));

export const { metaPackage, tools, roots } = table;

/** Packages among a meta package's dependencies that are the kernel. */
export const packagePattern = new RegExp(table.packagePattern);

/** Oldest first; flavours at the end. */
export const kernelEntries: readonly KernelEntry[] = table.kernels;

export const kernelNames: readonly string[] = table.kernels.map(({ name }) => name);

/** All but those that need not be there. */
export const releasedKernelNames: readonly string[] = table.kernels.flatMap(({ name, mayFail }) =>
  mayFail ? [] : [name],
);

export function kernelEntry(name: string): KernelEntry {
  const kernel = table.kernels.find((candidate) => candidate.name === name);
  if (kernel === undefined) throw new Error(`unknown kernel ${name}; known: ${kernelNames.join(', ')}`);
  return kernel;
}
