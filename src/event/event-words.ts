/** The fixed words of event lines, for the definition of the lines and for the code that writes them. */

/** `event.dataset`. */
export const DATASET_DELETION = 'rmwatch.deletion';
export const DATASET_PROCESS = 'rmwatch.process';
/** Lines in which the record speaks of itself. */
export const DATASET_DAEMON = 'rmwatch.daemon';

/** Lines that tell of a mass deletion. */
export const DATASET_BURST = 'rmwatch.burst';

/** `event.action` of the dataset `rmwatch.burst`. */
export const BURST_ACTIONS = ['mass-deletion-started', 'mass-deletion-continues', 'mass-deletion-ended'] as const;
export type BurstAction = (typeof BURST_ACTIONS)[number];

/** What the deletions of a burst have in common. */
export const BURST_ORIGINS = ['process', 'container', 'cgroup', 'parent', 'several'] as const;
export type BurstOrigin = (typeof BURST_ORIGINS)[number];

/** `event.action` of the dataset `rmwatch.daemon`. */
export const DAEMON_ACTIONS = ['started', 'gap', 'watch', 'reloaded', 'continued', 'stopped'] as const;
export type DaemonAction = (typeof DAEMON_ACTIONS)[number];

/** ECS knows the first three; the others are what else a name can stand for. */
export const FILE_TYPES = ['file', 'dir', 'symlink', 'socket', 'fifo', 'char_device', 'block_device'] as const;
export type FileType = (typeof FILE_TYPES)[number];

/** Ways into the kernel. */
export const VIAS = ['syscall', 'io_uring'] as const;
