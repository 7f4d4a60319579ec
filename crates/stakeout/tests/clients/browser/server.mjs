// A server of its own on a copy of the reviewed one's data, so that tests that use candidates up do not disturb others.
// STAKEOUT_PROGRAM is the binary, STAKEOUT_TEMPLATE the folder that is copied.
import { spawn } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const { STAKEOUT_PROGRAM: program, STAKEOUT_TEMPLATE: template } = process.env;

export class Server {
  static async onCopy() {
    const folder = await mkdtemp(join(tmpdir(), "stakeout-"));
    await cp(template, join(folder, "data"), { recursive: true });
    return new Server(folder);
  }

  constructor(folder) {
    this.folder = folder;
    this.data = join(folder, "data");
    this.listen = "127.0.0.1:0";
  }

  /** Starts it, at the same address as before where it ran before. */
  async start() {
    this.process = spawn(program, ["serve", "--data", this.data, "--listen", this.listen], { stdio: ["ignore", "ignore", "pipe"] });
    const lines = createInterface(this.process.stderr)[Symbol.asyncIterator]();
    const { value } = await lines.next();
    this.url = value.match(/http:\/\/[^/ ]+/)[0];
    this.listen = new URL(this.url).host;
    // whatever it says later must not block it
    this.process.stderr.resume();
    return this;
  }

  /** Ends it as a power loss would. */
  async stop() {
    const gone = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGKILL");
    await gone;
  }

  async end() {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  json = async (path) => (await fetch(this.url + path)).json();

  /** Takes all verdicts back, so that every candidate waits. */
  async undoAll() {
    const { comparisons } = await this.json("/api/comparisons?site=plant");
    const { standing } = await this.json(`/api/queue?comparison=${comparisons[0].id}`);
    for (const { review } of standing) await fetch(`${this.url}/api/reviews/${review}/undo`, { method: "POST" });
  }
}
