import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, startListening } from './child.ts';
import { inNewDirectory, removeDirectory } from './temporary.ts';

/** A real Prometheus: Debian's. */
export interface LabPrometheus {
  /** The values of a query (PromQL) at present, by all labels that the query leaves. */
  query(expression: string): Promise<readonly Sample[]>;
  /** What it thinks of its only target: `up`, or why not. */
  targetHealth(): Promise<string>;
  /** The names of the alerts that it has read. */
  alerts(): Promise<readonly string[]>;
  output(): string;
  stop(): Promise<void>;
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * @param config YAML, as it stands in `prometheus.yml`
 * @param rules YAML of alerts
 */
export function startPrometheus(config: string, rules: string): Promise<LabPrometheus> {
  return inNewDirectory('prometheus', async (directory) => {
    const [configFile, rulesFile] = [join(directory, 'prometheus.yml'), join(directory, 'rules.yml')];
    await writeFile(configFile, `${config}\nrule_files: [${rulesFile}]\n`);
    await writeFile(rulesFile, rules);
    const port = await freePort();
    const child = await startListening(
      '/usr/bin/prometheus',
      [
        `--config.file=${configFile}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
      port,
    );
    async function ask<T>(path: string): Promise<T> {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
      return ((await answer.json()) as { data: T }).data;
    }
    return {
      async query(expression) {
        const { result } = await ask<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
          `query?query=${encodeURIComponent(expression)}`,
        );
        return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
      },
      async targetHealth() {
        const { activeTargets } = await ask<{ activeTargets: { health: string; lastError: string }[] }>('targets');
        return activeTargets.map(({ health, lastError }) => lastError || health).join();
      },
      async alerts() {
        const { groups } = await ask<{ groups: { rules: { name: string }[] }[] }>('rules');
        return groups.flatMap(({ rules }) => rules.map(({ name }) => name));
      },
      output: child.output,
      async stop() {
        await child.stop();
        await removeDirectory(directory);
      },
    };
  });
}
