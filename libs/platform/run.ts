/** A program that can be told to stop. */
export interface Program {
  /** Finishes what is under way and closes everything. `reason`: a signal's name. */
  stop(reason: string): Promise<unknown>;
}

/** What the start of a program is given. */
export interface Start {
  /** From now on a stop is done by the program itself; before, there is nothing to finish, and the process ends at once. */
  readonly began: (program: Program) => void;
}

/** The most that a stop may take, in ms: less than what `docker stop` and `npm start` wait before they kill. */
const STOP_MS = 9_000;

/**
 * Runs a program until it is told to stop, and ends with 0. The signals are heeded before anything else is loaded: as
 * process 1 of a container it would not even be ended by one that nobody listens to. A start that fails says why in one line
 * for each cause, and ends with 1.
 *
 * Nothing is imported here, so that this comes first.
 * @param start loads and starts the program
 */
export async function run(start: (start: Start) => Promise<Program>): Promise<void> {
  let program: Program | undefined;
  let stopping = false;

  const stop = async (signal: NodeJS.Signals) => {
    // A second one is meant: who waits no longer gets what the first would have.
    if (stopping || !program) process.exit(stopping ? 1 : 0);
    stopping = true;
    setTimeout(() => {
      process.stderr.write(`${signal}: not stopped within ${STOP_MS / 1000} s; it ends now\n`);
      process.exit(1);
    }, STOP_MS).unref();
    try {
      await program.stop(signal);
      process.exit(0);
    } catch (error) {
      process.stderr.write(`${signal}: not stopped cleanly: ${reason(error)}\n`);
      process.exit(1);
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void stop(signal));

  try {
    program = await start({
      began: (begun) => {
        program = begun;
      },
    });
  } catch (error) {
    if (stopping) return;
    process.stderr.write(`${reason(error)}\n`);
    process.exit(1);
  }
}

function reason(error: unknown): string {
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') return `port ${port} is taken`;
  return error instanceof Error ? error.message || error.name : String(error);
}
