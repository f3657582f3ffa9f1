import { ownDeletionOf } from '../deletion/own-deletion.js';
import { PathResolver } from '../deletion/resolved-path.js';
import type { AttachMode } from '../model/config.js';
import type { ProbeInfo } from '../model/pipeline-counts.js';
import type { NativeBinding } from '../probe/native-probe.js';
import { openProbe, probeInfoOf } from '../probe/open-probe.js';
import { DELETION_SELF, RECORD_DELETION } from '../probe/record-layout.generated.js';
import { RecordView } from '../probe/record-view.js';
import { SelfTest, type SelfTestResult } from './self-test.js';

/** Small: only deletions by this process come into it. */
const RING_BYTES = 64 * 1024;
const COLLECTED_MAX = 64;
const LOOK_MS = 10;

export interface ProbeTrial extends SelfTestResult {
  readonly info: ProbeInfo;
  /** Inode number of the host's mount namespace; 0: not known. */
  readonly hostMountNamespace: number;
  /** Whether the kernel counts the hooks that it leaves out. */
  readonly countsSkips: boolean;
}

/**
 * Attaches in one mode for a moment, and proves by deletions of its own that they are seen: a kernel can let probes attach
 * and never run them. Throws ProbeUnavailableError where the mode cannot be attached.
 */
export async function tryProbe(binding: NativeBinding, mode: AttachMode): Promise<ProbeTrial> {
  const opened = openProbe(binding, mode, RING_BYTES);
  const { probe } = opened;
  try {
    const selfTest = new SelfTest({ mode, mark: () => () => probe.usedBytes() === 0 });
    const record = new RecordView(probe.ring());
    const offsets = new Uint32Array(COLLECTED_MAX);
    const paths = new PathResolver();
    const collect = () => {
      const count = probe.collect(offsets);
      for (const offset of offsets.subarray(0, count)) {
        record.moveTo(offset);
        const isOwn = record.kind === RECORD_DELETION && (record.flags & DELETION_SELF) !== 0;
        if (isOwn) selfTest.observe(ownDeletionOf(record, paths));
      }
      probe.release();
    };
    const timer = setInterval(collect, LOOK_MS);
    try {
      return {
        ...(await selfTest.run()),
        info: probeInfoOf(opened),
        hostMountNamespace: opened.description.hostMountNamespace,
        countsSkips: probe.skippedSuccesses() !== undefined,
      };
    } finally {
      clearInterval(timer);
    }
  } finally {
    probe.close();
  }
}
