import { Argument } from '@commander-js/extra-typings';
import type { OpenOutput, Parent } from './command.js';
import { complete, completeForBash } from './completion.js';
import { ASK, FILES, SCRIPTS, SHELLS } from './completion-scripts.js';

const HELP = `
For this shell and those to come:
  bash  echo 'source <(tokenlog completion bash)' >> ~/.bashrc
  zsh   echo 'source <(tokenlog completion zsh)' >> ~/.zshrc      (after compinit)
  fish  tokenlog completion fish > ~/.config/fish/completions/tokenlog.fish`;

/** `tokenlog completion …`, and what its scripts ask. */
export function addCompletionCommands(program: Parent, openOutput: OpenOutput): void {
  const shell = () => new Argument('<shell>').choices(SHELLS);

  program
    .command('completion')
    .description('print what makes a shell complete commands, options and values at Tab')
    .addArgument(shell())
    .addHelpText('after', HELP)
    .action((shell) => openOutput().raw(SCRIPTS[shell]));

  program
    .command(ASK, { hidden: true })
    .addArgument(shell())
    .argument('[words...]')
    .action((shell, words) => {
      const completion = shell === 'bash' ? completeForBash(program, words) : complete(program, words);
      const lines =
        completion === 'files'
          ? [FILES]
          : completion.map(({ value, description }) =>
              shell === 'bash' || description === '' ? value : `${value}\t${description}`,
            );
      openOutput().raw(lines.map((line) => `${line}\n`).join(''));
    });
}
