import type { Logger } from '@nestjs/common';

const A_MINUTE_MS = 60_000;
/** Subjects that are told of apart; whoever makes up more of them is told of together. */
const MOST_SUBJECTS = 1000;

interface Since {
  readonly subject: string;
  count: number;
  line: string;
}

/** How often it is told again, in ms, and how, where it is not once a minute by the last line. */
export interface RepeatedLinesOptions {
  readonly everyMs: number;
  readonly again: (subject: string, count: number) => string;
}

/**
 * Logs what others can bring about as often as they like: the first line about a subject at once, then one a minute, or as often as
 * is said, that says how many there were. Nothing is left untold, and nobody can fill the log.
 */
export class RepeatedLines {
  private readonly since = new Map<string, Since>();

  constructor(
    private readonly logger: Pick<Logger, 'warn' | 'error'>,
    private readonly options?: RepeatedLinesOptions,
  ) {}

  warn(subject: string, line: string): void {
    this.tell('warn', subject, line, 1);
  }

  /** @param times how often it has happened */
  error(subject: string, line: string, times = 1): void {
    this.tell('error', subject, line, times);
  }

  private tell(level: 'warn' | 'error', subject: string, line: string, times: number): void {
    const key = `${level} ${this.since.size < MOST_SUBJECTS ? subject : ''}`;
    const since = this.since.get(`${level} ${subject}`) ?? this.since.get(key);
    if (since) {
      since.count += times;
      since.line = line;
      return;
    }
    this.logger[level](line);
    this.since.set(key, { subject, count: times - 1, line });
    this.wait(level, key);
  }

  private wait(level: 'warn' | 'error', key: string): void {
    setTimeout(() => {
      const { subject = '', count = 0, line = '' } = this.since.get(key) ?? {};
      this.since.delete(key);
      if (count === 0) return;
      const again = this.options?.again(subject, count) ?? `${line} (the last of ${count} in the minute before)`;
      this.logger[level](again);
      this.since.set(key, { subject, count: 0, line });
      this.wait(level, key);
    }, this.options?.everyMs ?? A_MINUTE_MS).unref();
  }
}
