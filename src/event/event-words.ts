/** The fixed words of event lines, for the definition of the lines and for the code that writes them. */

export const ECS_VERSION = '9.0.0';

/** `event.dataset`. */
export const DATASET_DELETION = 'rmwatch.deletion';
export const DATASET_PROCESS = 'rmwatch.process';
/** Lines in which the record speaks of itself. */
export const DATASET_DAEMON = 'rmwatch.daemon';

/** `event.action` of the dataset `rmwatch.daemon`. */
export const DAEMON_ACTIONS = ['started', 'gap', 'watch', 'reloaded', 'continued', 'stopped'] as const;
export type DaemonAction = (typeof DAEMON_ACTIONS)[number];

/** ECS knows the first three; the others are what else a name can stand for. */
export const FILE_TYPES = ['file', 'dir', 'symlink', 'socket', 'fifo', 'char_device', 'block_device'] as const;
export type FileType = (typeof FILE_TYPES)[number];

/** Ways into the kernel. */
export const VIAS = ['syscall', 'io_uring'] as const;
