import { Counter, Gauge, type Registry } from '@prometheus-io/client';

/** The prefix of all metrics of the service. Names end in their unit, and counters in `_total` (prometheus.io/docs/practices/naming). */
export const PREFIX = 'registry_usage_';

/** Adds a gauge that is read at each scrape. While its value is unknown, it has no series: 0 would be wrong. */
export function addGauge(registry: Registry, name: string, help: string, read: () => number | null | undefined): void {
  registry.registerMetric(
    new Gauge({
      name: PREFIX + name,
      help,
      registers: [],
      collect() {
        const value = read();
        if (value == null) this.remove();
        else this.set(value);
      },
    }),
  );
}

/** Adds a counter that is counted elsewhere, from 0 at the start of the process, and read at each scrape. */
export function addCounter(registry: Registry, name: string, help: string, read: () => number): void {
  registry.registerMetric(
    new Counter({
      name: PREFIX + name,
      help,
      registers: [],
      collect() {
        this.reset();
        this.inc(read());
      },
    }),
  );
}

/** Adds a counter with several series, each with its own value of the label. */
export function addCounters(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  read: () => Readonly<Record<string, number>>,
): void {
  registry.registerMetric(
    new Counter({
      name: PREFIX + name,
      help,
      labelNames: [label],
      registers: [],
      collect() {
        this.reset();
        for (const [value, count] of Object.entries(read())) this.inc({ [label]: value }, count);
      },
    }),
  );
}
