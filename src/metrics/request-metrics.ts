import { Counter, Histogram, type HistogramConfiguration, type Registry } from '@prometheus-io/client';
import type { Metrics } from '../ports.ts';
import { PREFIX } from './gauges.ts';

/** From a cached response to a page that takes too long. */
const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
/** Clients cannot create further series with other methods. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'POST']);
const OTHER = 'other';

/** The requests of one route and method. */
interface RequestCounts {
  readonly labels: { readonly route: string; readonly method: string };
  readonly countByStatus: Map<number, number>;
  /** By bucket: how many took longer than the previous bound, and at most this one. The last count is of those beyond the last bound. */
  readonly counts: number[];
  count: number;
  seconds: number;
}

/** Adds the metrics of requests, and returns the function that counts one. */
export function addRequestMetrics(registry: Registry): Metrics['observe'] {
  const countsByRoute = new Map<string, Map<string, RequestCounts>>();
  const all = () => [...countsByRoute.values()].flatMap((ofRoute) => [...ofRoute.values()]);
  const register = { registers: [registry] };
  new Counter({
    name: `${PREFIX}http_requests_total`,
    help: 'Requests, by route, method and status.',
    labelNames: ['route', 'method', 'status'],
    collect() {
      this.reset();
      for (const { labels, countByStatus } of all())
        for (const [status, count] of countByStatus) this.inc({ ...labels, status: String(status) }, count);
    },
    ...register,
  });
  new PrecountedHistogram(all, {
    name: `${PREFIX}http_request_duration_seconds`,
    help: 'Time from the headers of a request to the end of its response.',
    labelNames: ['route', 'method'],
    ...register,
  });
  return ({ route = OTHER, raw: { method = OTHER } }, { status, elapsedMs }) => {
    const countsByMethod = valueAt(countsByRoute, route, () => new Map<string, RequestCounts>());
    const known = METHODS.has(method) ? method : OTHER;
    add(
      valueAt(countsByMethod, known, () => createCounts(route, known)),
      status,
      elapsedMs / 1000,
    );
  };
}

function valueAt<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create();
  map.set(key, created);
  return created;
}

function createCounts(route: string, method: string): RequestCounts {
  const counts = new Array<number>(BUCKETS_SECONDS.length + 1).fill(0);
  return { labels: { route, method }, countByStatus: new Map(), counts, count: 0, seconds: 0 };
}

function add(requests: RequestCounts, status: number, seconds: number): void {
  const bucket = BUCKETS_SECONDS.findIndex((bound) => seconds <= bound);
  const at = bucket === -1 ? BUCKETS_SECONDS.length : bucket;
  requests.counts[at] = (requests.counts[at] ?? 0) + 1;
  requests.count++;
  requests.seconds += seconds;
  requests.countByStatus.set(status, (requests.countByStatus.get(status) ?? 0) + 1);
}

type Label = 'route' | 'method' | 'le';
type Options = HistogramConfiguration<Label>;
type Values = Awaited<ReturnType<Histogram<Label>['get']>>['values'];

/** A histogram of requests that were counted elsewhere: to look up a series of the library for each request would cost a tenth of a small response. */
class PrecountedHistogram extends Histogram<Label> {
  readonly #options: Options;
  readonly #counts: () => Iterable<RequestCounts>;

  constructor(counts: () => Iterable<RequestCounts>, options: Options) {
    super({ ...options, buckets: BUCKETS_SECONDS });
    this.#options = options;
    this.#counts = counts;
  }

  /** Called by the library at each scrape. */
  async getForPromString(): Promise<{ name: string; help: string; type: string; values: Values }> {
    const { name, help } = this.#options;
    return {
      name,
      help,
      type: 'histogram',
      values: [...this.#counts()].flatMap((requests) => valuesOf(name, requests)),
    };
  }
}

function valuesOf(name: string, { labels, counts, count, seconds }: RequestCounts): Values {
  let cumulative = 0;
  const buckets = BUCKETS_SECONDS.map((le, at) => {
    cumulative += counts[at] ?? 0;
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: cumulative };
  });
  return [
    ...buckets,
    { metricName: `${name}_bucket`, labels: { le: '+Inf', ...labels }, value: count },
    { metricName: `${name}_sum`, labels, value: seconds },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
