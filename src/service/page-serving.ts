import type { Diagnostics } from '../diagnostics/diagnostics.js';
import type { MoreRoutes } from '../http/http-routes.js';
import { pageObstacle } from '../http/page-access.js';
import type { Config } from '../model/config.js';
import { Page } from '../page/page.js';
import { pageRoutes } from '../page/page-routes.js';

/** The page for browsers, served while the configuration in force wants it and allows it. */
export class PageServing {
  readonly page: Page;
  private hosts: readonly string[] = [];
  private served: MoreRoutes | undefined;

  constructor(
    private readonly diagnostics: Diagnostics,
    hostName: () => string,
  ) {
    this.page = new Page({ hostName, onProblem: (error) => diagnostics.error({ error }, 'page') });
  }

  /** What the page answers at the moment; undefined: nothing. */
  get routes(): MoreRoutes | undefined {
    return this.served;
  }

  /** At the start. Throws when its files cannot be read. */
  use(http: Config['http']): void {
    this.hosts = http.pageHosts;
    this.served = undefined;
    if (!http.page || pageObstacle(http) !== undefined) return;
    this.served = pageRoutes({ page: this.page, listen: http.listen, hosts: () => this.hosts });
  }

  /** After a reload, which changes neither the address nor the socket that are listened on. Ends the streams. */
  useAgain(http: Config['http']): void {
    try {
      this.use(http);
    } catch (error) {
      this.diagnostics.error({ error }, 'cannot serve the page');
    }
    const obstacle = http.page ? pageObstacle(http) : undefined;
    if (obstacle !== undefined) {
      this.diagnostics.warn(`http.page: the page is not served before the next start: it ${obstacle}`);
    }
    // Who may read it can have changed.
    this.page.endStreams();
  }
}
