/** Runs tasks on a machine with two processors: two light ones at a time, or one that needs both. */

export interface Task {
  readonly alone: boolean;
  /** For the order only: long ones begin first, so that none is left for the end. */
  readonly expectedSeconds: number;
  run(): Promise<void>;
}

const LANES = 2;

/** Runs those that share the machine first, then those that do not. Rejects with the first error, when all have ended. */
export async function runTasks(tasks: readonly Task[]): Promise<void> {
  const errors: unknown[] = [];
  const drain = async (queue: Task[]) => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
      await task.run().catch((error) => errors.push(error));
    }
  };
  const longestFirst = [...tasks].sort((a, b) => b.expectedSeconds - a.expectedSeconds);
  const shared = longestFirst.filter(({ alone }) => !alone);
  await Promise.all(Array.from({ length: LANES }, () => drain(shared)));
  await drain(longestFirst.filter(({ alone }) => alone));
  if (errors.length > 0) throw errors[0];
}
