// `capstan engine` with a tiny random model, for tests of clients.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

// Its `url`, once it listens, and `stop()`.
export async function startEngine(name) {
  const home = mkdtempSync(join(tmpdir(), 'capstan-engine-'));
  const port = join(home, 'port');
  execFileSync('python3', ['random_model.py', join(home, 'model')]);
  const engine = spawn(process.env.CAPSTAN_PROGRAM, ['engine', '--model', join(home, 'model'), '--name', name, '--port-file', port]);
  for (let i = 0; i < 300 && !(existsSync(port) && readFileSync(port, 'utf8').trim()); ++i) {
    await sleep(100);
  }
  return {
    url: `http://127.0.0.1:${readFileSync(port, 'utf8').trim()}`,
    stop() {
      engine.kill('SIGTERM');
      rmSync(home, { recursive: true });
    },
  };
}
