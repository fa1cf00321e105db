# Completion of tsaufs for fish. What can be completed tells the program itself: `tsaufs complete`.

function __tsaufs_complete
    set -l before (commandline -opc)
    set -l typed (commandline -ct | string unescape)
    set -l lines (command tsaufs complete fish (math (count $before) - 1) $before[2..-1] "$typed" 2>/dev/null)
    for line in $lines
        switch $line
            case ':files:*'
                __fish_complete_path "$typed"
            case ':directories:*'
                __fish_complete_directories "$typed" ''
            case ':*'
            case '*'
                echo $line
        end
    end
end

complete -c tsaufs -f -a '(__tsaufs_complete)'
