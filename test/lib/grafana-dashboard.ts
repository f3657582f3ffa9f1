import { readFileSync } from 'node:fs';

export interface DashboardQuery {
  /** Title of the panel, or name of the annotation. */
  readonly where: string;
  readonly expr: string;
  /** Asked for one moment instead of a time range. */
  readonly instant: boolean;
}

export interface DashboardVariable {
  readonly name: string;
  readonly label: string;
  readonly matcher: string;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly {
    readonly expr: string;
    readonly instant: boolean;
    readonly datasource: { readonly uid: string };
  }[];
}

export interface Dashboard {
  readonly id: unknown;
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr?: string }[] };
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[];
  };
}

export function readDashboard(): Dashboard {
  return JSON.parse(readFileSync(new URL('../../config/grafana/rmwatch.json', import.meta.url), 'utf8'));
}

/** Everything that the dashboard asks Prometheus, variables not yet replaced. */
export function dashboardQueries({ panels, annotations }: Dashboard): DashboardQuery[] {
  const ofPanels = panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, instant }) => ({ where: title, expr, instant })),
  );
  const ofAnnotations = annotations.list.flatMap(({ name, expr }) =>
    expr === undefined ? [] : [{ where: name, expr, instant: false }],
  );
  return [...ofPanels, ...ofAnnotations];
}

/** The variables whose values come from Prometheus: `label_values(matcher, label)`. */
export function dashboardVariables({ templating }: Dashboard): DashboardVariable[] {
  return templating.list
    .filter(({ type }) => type === 'query')
    .map(({ name, definition = '' }) => {
      const [, matcher, label] = /^label_values\((.+), (\w+)\)$/.exec(definition) ?? [];
      if (matcher === undefined || label === undefined) throw new Error(`variable ${name}: cannot read ${definition}`);
      return { name, label, matcher };
    });
}

/** Puts in the values as Grafana does: of several, a regular expression that matches any of them. Throws for what is unknown. */
export function substitute(expr: string, values: Readonly<Record<string, readonly string[]>>): string {
  return expr.replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced?: string, bare?: string) => {
    const chosen = values[braced ?? bare ?? ''];
    if (chosen === undefined || chosen.length === 0) throw new Error(`${whole} has no value in ${expr}`);
    const escaped = chosen.map((value) => value.replace(/[.+*?()[\]{}|^$\\]/g, '\\\\$&'));
    return escaped.length === 1 ? escaped[0]! : `(${escaped.join('|')})`;
  });
}
