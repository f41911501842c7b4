import type { Logger } from '@nestjs/common';

const EVERY_MS = 60_000;
/** Subjects that are told of apart; whoever makes up more of them is told of together. */
const MOST_SUBJECTS = 1000;

interface Since {
  count: number;
  line: string;
}

/**
 * Logs what others can bring about as often as they like: the first line about a subject at once, then one a minute that says
 * how many there were. Nothing is left untold, and nobody can fill the log.
 */
export class RepeatedLines {
  private readonly since = new Map<string, Since>();

  constructor(private readonly logger: Pick<Logger, 'warn' | 'error'>) {}

  warn(subject: string, line: string): void {
    this.tell('warn', subject, line);
  }

  error(subject: string, line: string): void {
    this.tell('error', subject, line);
  }

  private tell(level: 'warn' | 'error', subject: string, line: string): void {
    const key = `${level} ${this.since.size < MOST_SUBJECTS ? subject : ''}`;
    const since = this.since.get(`${level} ${subject}`) ?? this.since.get(key);
    if (since) {
      since.count++;
      since.line = line;
      return;
    }
    this.logger[level](line);
    this.since.set(key, { count: 0, line });
    this.wait(level, key);
  }

  private wait(level: 'warn' | 'error', key: string): void {
    setTimeout(() => {
      const { count = 0, line = '' } = this.since.get(key) ?? {};
      this.since.delete(key);
      if (count === 0) return;
      this.logger[level](`${line} (the last of ${count} in the minute before)`);
      this.since.set(key, { count: 0, line });
      this.wait(level, key);
    }, EVERY_MS).unref();
  }
}
