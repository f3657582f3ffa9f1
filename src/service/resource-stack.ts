/** Called for what could not be closed; the rest is closed all the same. */
export type CloseFailure = (what: string, error: unknown) => void;

/**
 * What is open, in the order in which it was opened; closed in reverse. In the shape of the standard's
 * AsyncDisposableStack, which Node.js has from version 24 on. What is added after the disposal has begun is closed at
 * once, so that nothing stays open because it came late.
 */
export class ResourceStack {
  private readonly open: { what: string; close: () => unknown }[] = [];
  private readonly onFailure: CloseFailure;
  private disposal: Promise<void> | undefined;

  constructor(onFailure: CloseFailure) {
    this.onFailure = onFailure;
  }

  /** `what`: the name for messages. */
  defer(what: string, close: () => unknown): void {
    if (this.disposal === undefined) this.open.push({ what, close });
    else this.disposal = Promise.all([this.disposal, this.close({ what, close })]).then(() => {});
  }

  /** Closes everything, the newest first, each after the one before it is closed. Never rejects; a second call joins. */
  dispose(): Promise<void> {
    this.disposal ??= this.closeAll();
    return this.disposal;
  }

  private async closeAll(): Promise<void> {
    for (let resource = this.open.pop(); resource !== undefined; resource = this.open.pop()) await this.close(resource);
  }

  private async close({ what, close }: { what: string; close: () => unknown }): Promise<void> {
    try {
      await close();
    } catch (error) {
      this.onFailure(what, error);
    }
  }
}
