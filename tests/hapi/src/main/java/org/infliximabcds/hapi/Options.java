package org.infliximabcds.hapi;

/** The command line: {@code [--port N] [--db JDBC_URL] [--stop-with-parent]}; port 0 means any free one. */
record Options(int port, String db, boolean stopWithParent) {

    private static final String IN_MEMORY = "jdbc:h2:mem:hapi;DB_CLOSE_DELAY=-1";

    static Options parse(String[] args) {
        int port = 0;
        String db = IN_MEMORY;
        boolean stopWithParent = false;
        for (int i = 0; i < args.length; i++) {
            switch (args[i]) {
                case "--port" -> port = Integer.parseInt(value(args, ++i));
                case "--db" -> db = value(args, ++i);
                case "--stop-with-parent" -> stopWithParent = true;
                default -> throw new IllegalArgumentException("unknown option " + args[i]);
            }
        }
        return new Options(port, db, stopWithParent);
    }

    private static String value(String[] args, int index) {
        if (index >= args.length) {
            throw new IllegalArgumentException(args[index - 1] + " needs a value");
        }
        return args[index];
    }
}
