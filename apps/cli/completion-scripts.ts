export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The hidden command that the scripts ask, and what it answers where the shell's own files are meant. */
export const ASK = '__complete';
export const FILES = ':files';

/**
 * What a shell is told once. The scripts ask the program at each Tab: what it knows is known, whichever version is installed.
 * bash 3.2, which macOS has, runs the first as well.
 */
export const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# bash completion for tokenlog
_tokenlog() {
  local line cur="\${COMP_WORDS[COMP_CWORD]}"
  [[ $cur == = ]] && cur=''
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == ${FILES} ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$cur")
      return
    fi
    COMPREPLY+=("$line")
  done < <(tokenlog ${ASK} bash -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _tokenlog tokenlog
`,
  zsh: `#compdef tokenlog
# zsh completion for tokenlog
_tokenlog() {
  local line
  local -a lines candidates
  lines=("\${(@f)$(tokenlog ${ASK} zsh -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ "$lines[1]" == ${FILES} ]]; then
    _files
    return
  fi
  for line in $lines; do
    candidates+=("\${\${line//:/\\\\:}/$'\\t'/:}")
  done
  (( $#candidates )) && _describe -V tokenlog candidates
}
if [[ "$funcstack[1]" == _tokenlog ]]; then
  _tokenlog "$@"
else
  compdef _tokenlog tokenlog
fi
`,
  fish: `# fish completion for tokenlog
function __tokenlog_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines (tokenlog ${ASK} fish -- $words[2..-1] "$current" 2>/dev/null)
    if test "$lines[1]" = ${FILES}
        __fish_complete_path "$current"
    else
        printf '%s\\n' $lines
    end
end
complete -c tokenlog -f -a '(__tokenlog_complete)'
`,
};
