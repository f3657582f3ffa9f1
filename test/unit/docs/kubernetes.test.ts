/** config/kubernetes: held against the types that are generated from the OpenAPI schema of Kubernetes. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { parseConfig } from '../../../src/config/load.js';

const file = fileURLToPath(new URL('../../../config/kubernetes/rmwatch.yaml', import.meta.url));
// biome-ignore lint/suspicious/noExplicitAny: what the file holds is what is checked
const manifests = parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as any);

const MODULES: Readonly<Record<string, string>> = {
  'v1 Namespace': 'core/v1',
  'v1 ConfigMap': 'core/v1',
  'apps/v1 DaemonSet': 'apps/v1',
};

const NAME = fileURLToPath(new URL('manifest.ts', import.meta.url));
const OPTIONS: ts.CompilerOptions = {
  noEmit: true,
  strict: true,
  types: [],
  // The types of Kubernetes need no other library. No library is checked here.
  lib: ['lib.es2022.d.ts'],
  skipLibCheck: true,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
};
const host = ts.createCompilerHost(OPTIONS);
const { getSourceFile, fileExists } = host;
/** What each manifest is checked against is parsed once. */
const parsed = new Map<string, ts.SourceFile | undefined>();
let text = '';
host.fileExists = (path) => path === NAME || fileExists.call(host, path);
host.getSourceFile = (path, version, ...rest) => {
  if (path === NAME) return ts.createSourceFile(path, text, version);
  if (!parsed.has(path)) parsed.set(path, getSourceFile.call(host, path, version, ...rest));
  return parsed.get(path);
};

/** What the compiler says of a manifest that is written as a literal of its type. */
function problemsOf(manifest: { apiVersion: string; kind: string }): string[] {
  const from = MODULES[`${manifest.apiVersion} ${manifest.kind}`];
  if (from === undefined) return [`${manifest.apiVersion} ${manifest.kind} is not expected`];
  text = `import type { ${manifest.kind} } from 'kubernetes-types/${from}';
export const manifest: ${manifest.kind} = ${JSON.stringify(manifest)};`;
  return ts
    .getPreEmitDiagnostics(ts.createProgram([NAME], OPTIONS, host))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

describe('config/kubernetes/rmwatch.yaml', { timeout: 60_000 }, () => {
  it.each(manifests)('has a $kind of the schema', (manifest) => expect(problemsOf(manifest)).toEqual([]));

  it('would not pass with a member that Kubernetes does not know', () => {
    const daemonSet = manifests.find(({ kind }) => kind === 'DaemonSet')!;
    const { template, ...spec } = daemonSet.spec;
    const wrong = {
      ...daemonSet,
      spec: { ...spec, template: { ...template, spec: { ...template.spec, hostPid: true } } },
    };
    expect(problemsOf(wrong).join()).toContain('hostPid');
  });

  it('holds a configuration that is valid', () => {
    const { data } = manifests.find(({ kind }) => kind === 'ConfigMap')!;
    expect(parseConfig(data['rmwatch.yaml'], 'rmwatch.yaml')).toHaveProperty('config');
  });

  it('sees the whole node', () => {
    const pod = manifests.find(({ kind }) => kind === 'DaemonSet')!.spec.template.spec;
    expect(pod).toMatchObject({ hostPID: true, hostNetwork: true });
    expect(pod.containers[0].securityContext).toEqual({ privileged: true });
    const mounted = pod.containers[0].volumeMounts.map(({ name }: { name: string }) => name);
    expect(pod.volumes.map(({ name }: { name: string }) => name).sort()).toEqual(mounted.sort());
  });
});
