import no_such_module_anywhere

Feed = no_such_module_anywhere.Feed
