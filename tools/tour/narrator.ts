/** Told what the story does, so that it can be shown. */
export interface Narrator {
  readonly step: (title: string) => void;
  readonly call: (line: string) => void;
}

/** A narrator that prints; a line that comes again and again is printed once, with how often it came. */
export class PrintingNarrator implements Narrator {
  private last: string | undefined;
  private times = 0;

  constructor(private readonly print: (line: string) => void) {}

  readonly step = (title: string): void => {
    this.end();
    this.print(`\n${title}`);
  };

  readonly call = (line: string): void => {
    if (line === this.last) {
      this.times++;
      return;
    }
    this.end();
    this.last = line;
    this.times = 1;
    this.print(`   ${line}`);
  };

  /** Says what is still to be said of the last line. */
  end(): void {
    const more = this.times - 1;
    if (more > 0) this.print(`               … and the same ${more === 1 ? 'once more' : `${more} times more`}`);
    this.last = undefined;
    this.times = 0;
  }
}
