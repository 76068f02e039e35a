import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type LabPrometheus, startPrometheus } from '../../lab/prometheus.ts';
import { run } from '../../lab/run.ts';
import type { LabService } from '../../lab/service.ts';
import { expectNoSecret, signIn, startWholeLab, type WholeLab, waitForLog } from '../support/whole-lab.ts';

/* Debian's Prometheus scrapes the service with the sample configuration and rules of docs/monitoring.md. */

const TOKEN = 'the token of Prometheus: 100% secret';
const [SCRAPE = '', RULES = ''] = [
  ...readFileSync(new URL('../../docs/monitoring.md', import.meta.url), 'utf8').matchAll(/^```yaml\n(.*?)^```/gms),
].map(([, sample]) => sample ?? '');

let lab: WholeLab;
let service: LabService;
let prometheus: LabPrometheus;

beforeAll(async () => {
  lab = await startWholeLab();
  service = await lab.start({ general: { server_prefix: '/usage' }, metrics: { token: TOKEN } });
  await waitForLog(service, 'crawl finished');
  prometheus = await startPrometheus(scrapeOf(service), RULES);
  const patience = { timeout: 30_000, interval: 200 };
  await vi.waitFor(async () => expect(await prometheus.targetHealth()).toBe('up'), patience);
  await vi.waitFor(async () => expect(await value('registry_usage_tags')).toBeDefined(), patience);
});

afterAll(async () => {
  await prometheus.stop();
  await service.stop();
  await lab.remove();
});

/** Returns the sample configuration with the address of the service and a short interval. */
function scrapeOf({ url }: LabService): string {
  const replaced: Readonly<Record<string, string>> = {
    https: 'http',
    'replace-this-by-a-long-secret': `'${TOKEN}'`,
    'usage.example.com': new URL(url).host,
    '/metrics': '/usage/metrics',
    '1m': '1s',
  };
  return Object.entries(replaced).reduce((text, [sample, real]) => text.replace(sample, real), SCRAPE);
}

async function value(expression: string): Promise<number | undefined> {
  return (await prometheus.query(expression))[0]?.value;
}

async function metrics({ url }: LabService, accept: string): Promise<string> {
  const answer = await fetch(`${url}/usage/metrics`, { headers: { authorization: `Bearer ${TOKEN}`, accept } });
  expect(answer.status).toBe(200);
  return answer.text();
}

test('Prometheus reads the figures that the API returns', async () => {
  const headers = await signIn({ ...service, url: `${service.url}/usage` });
  const answer = await fetch(`${service.url}/usage/repositories?embed=1`, { headers });
  expect(answer.status).toBe(200);
  const root = (await answer.json()) as Record<string, number> & { _embedded: { items: Record<string, number>[] } };
  for (const figure of ['deduplicated_bytes', 'reclaimable_bytes', 'metadata_bytes'])
    expect(await value(`registry_usage_${figure}`), figure).toBe(root[figure]);
  expect(await value('registry_usage_disk_size_bytes')).toBe(root['disk_size']);
  expect(await value('registry_usage_tags')).toBe(root['tags_count']);
  const samples = await prometheus.query('registry_usage_repository_deduplicated_bytes');
  const known = root._embedded.items.filter(({ deduplicated_bytes }) => deduplicated_bytes !== null);
  expect(known.length).toBeGreaterThan(10);
  expect(Object.fromEntries(samples.map(({ labels, value }) => [labels['repository'], value]))).toEqual(
    Object.fromEntries(known.map(({ name, deduplicated_bytes }) => [name, deduplicated_bytes])),
  );
  expect(await value('registry_usage_snapshot_timestamp_seconds')).toBeCloseTo(root['timestamp'] ?? 0, 2);
});

test('Prometheus reads the results of crawls and requests', async () => {
  expect(await value('registry_usage_collections_succeeded_total')).toBe(1);
  expect(await value('sum(registry_usage_collections_failed_total)')).toBe(0);
  expect(await value('registry_usage_registry_requests_total')).toBeGreaterThan(50);
  expect(await value('registry_usage_collected_tags_total')).toBeGreaterThan(50);
  const scrapes = 'registry_usage_http_requests_total{route="/metrics",status="200"}';
  await expect.poll(() => value(scrapes), { timeout: 30_000 }).toBeGreaterThan(0);
  expect(await value('process_resident_memory_bytes')).toBeGreaterThan(1e7);
});

test('Prometheus loads the documented alerts, and each uses a metric that exists', async () => {
  expect(await prometheus.alerts()).toEqual([
    'RegistryUsageSnapshotTooOld',
    'RegistryUsageCollectionFailing',
    'RegistryGrowing',
  ]);
  for (const name of new Set(RULES.match(/registry_usage_\w+/g))) expect(await value(name), name).toBeDefined();
  expect(prometheus.output()).toBe('');
});

test('promtool accepts every name, type and help text', async () => {
  const text = await metrics(service, 'text/plain');
  expect(await run('/usr/bin/promtool', ['check', 'metrics'], { input: text })).toEqual({ stdout: '', stderr: '' });
});

test('the metrics contain no secret, and the log does not contain the token', async () => {
  const all = [await metrics(service, 'application/openmetrics-text'), service.child.output()].join('\n');
  expectNoSecret(all, lab);
  expect(all).not.toContain(TOKEN);
});
