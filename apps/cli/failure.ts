/** The exit codes, which scripts decide on: never give one another meaning. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notAuthenticated: 3,
  refused: 4,
  notFound: 5,
  conflict: 6,
  tooManyAttempts: 7,
  unavailable: 8,
  /** 128 and the signal's number, as shells say of a program that one has ended. */
  interrupted: 130,
  outputClosed: 141,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What each of them says, for the help text. */
export const EXIT_CODES: readonly (readonly [ExitCode, string])[] = [
  [EXIT.ok, 'done'],
  [EXIT.failed, 'failed for another reason'],
  [EXIT.usage, 'wrong usage: an unknown option, or a value that the server does not take (400)'],
  [EXIT.notAuthenticated, 'not authenticated: no credential, or one that is no longer good (401)'],
  [EXIT.refused, 'refused: not allowed, or a wrong password entered again (403)'],
  [EXIT.notFound, 'not found (404)'],
  [EXIT.conflict, 'conflict with the present state (409, 412)'],
  [EXIT.tooManyAttempts, 'too many attempts, such as wrong passwords; wait (429)'],
  [EXIT.unavailable, 'unavailable: no answer, none to be trusted, or not at the moment (502, 503, 504)'],
  [EXIT.interrupted, 'interrupted (Ctrl-C)'],
  [EXIT.outputClosed, 'whoever read the output has stopped, as `head` does'],
];

/** RFC 9457, as the services answer it. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status?: number;
  readonly code: string;
  readonly detail: string;
}

/** What ends a command without success: told in one line, or as `problem` with `--json`. */
export class Failure extends Error {
  override name = 'Failure';

  /** @param hint what the reader can do about it; not a part of the problem */
  constructor(
    readonly exitCode: ExitCode,
    readonly problem: ProblemBody,
    readonly hint = '',
  ) {
    super(problem.detail);
  }

  get code(): string {
    return this.problem.code;
  }
}

/** A failure that no server had a part in. */
export function localFailure(exitCode: ExitCode, code: string, detail: string): Failure {
  return new Failure(exitCode, { type: 'about:blank', title: 'Error', code, detail });
}

/** The exit code for an answer with this status. */
export function exitCodeOf(status: number): ExitCode {
  switch (status) {
    case 400:
      return EXIT.usage;
    case 401:
      return EXIT.notAuthenticated;
    case 403:
      return EXIT.refused;
    case 404:
      return EXIT.notFound;
    case 409:
    case 412:
      return EXIT.conflict;
    case 429:
      return EXIT.tooManyAttempts;
    case 502:
    case 503:
    case 504:
      return EXIT.unavailable;
    default:
      return EXIT.failed;
  }
}
