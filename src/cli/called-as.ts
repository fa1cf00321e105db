/** The first argument where a script stands in for a link, which cannot tell its own name: the name follows. */
export const calledAs = '--called-as';
