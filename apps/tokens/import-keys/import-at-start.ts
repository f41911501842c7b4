import { readFile } from 'node:fs/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ConfigError } from '@tokenlog/platform/config.js';
import { CONFIG, type Config } from '../config/config.js';
import { IdentityConsumer } from '../identity/identity-consumer.js';
import { type RefusedLine, readAccessKeys, textOfAccessKeys } from '../secret/access-keys-file.js';
import { ImportAccessKeys, type ImportReport } from './import-access-keys.js';

/** Imports `ACCESS_KEYS_FILE` when the service starts, if one is given. Imported once, the file is not needed any more. */
@Injectable()
export class ImportAtStart {
  private readonly logger = new Logger('ACCESS_KEYS_FILE');

  constructor(
    private readonly commands: CommandBus,
    private readonly consumer: IdentityConsumer,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Reads the file, and imports it in the background once the users are known.
   * @throws ConfigError when the file cannot be read
   */
  async start(): Promise<void> {
    const path = this.config.accessKeysFile;
    if (!path) return;
    const text = await readFile(path)
      .then(textOfAccessKeys)
      .catch((error: Error) => {
        throw new ConfigError(`ACCESS_KEYS_FILE is wrong: ${error.message}`);
      });
    void this.import(text).catch((error: Error) => this.logger.error(`not imported: ${error.message}`));
  }

  /** Imports a file's text, and reports each line that was refused by its number. */
  async import(text: string): Promise<ImportReport> {
    const { keys, refused } = readAccessKeys(text);
    await this.consumer.caughtUp();
    const report = await this.commands.execute(new ImportAccessKeys(keys));
    const all: RefusedLine[] = [...refused, ...report.refused].sort((a, b) => a.line - b.line);
    for (const { line, reason } of all) this.logger.warn(`line ${line} is not imported: ${reason}`);
    this.logger.log(`${report.imported} imported, ${report.known} known already, ${all.length} refused`);
    return { ...report, refused: all };
  }
}
