// The driver of the Java client: obeys the commands of driver.mjs. Run as `java -cp <its jars> Client.java`.
import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Manager;
import io.socket.client.Socket;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

public class Client {
  private static final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
  private static final Map<Integer, Map<String, Socket>> connections = new HashMap<>();

  private static synchronized void say(Object... pairs) {
    try {
      JSONObject message = new JSONObject();
      for (int i = 0; i < pairs.length; i += 2) message.put((String) pairs[i], pairs[i + 1]);
      out.println(message);
    } catch (JSONException impossible) {
      throw new AssertionError(impossible);
    }
  }

  private static Object pack(Object value) throws JSONException {
    if (value instanceof byte[] bytes) return new JSONObject().put("$bytes", Base64.getEncoder().encodeToString(bytes));
    if (value instanceof JSONArray array) {
      JSONArray packed = new JSONArray();
      for (int i = 0; i < array.length(); i++) packed.put(pack(array.get(i)));
      return packed;
    }
    if (value instanceof JSONObject object) {
      JSONObject packed = new JSONObject();
      for (Iterator<?> keys = object.keys(); keys.hasNext(); ) {
        String key = (String) keys.next();
        packed.put(key, pack(object.get(key)));
      }
      return packed;
    }
    return value == null ? JSONObject.NULL : value;
  }

  private static JSONArray packAll(Object... values) {
    try {
      JSONArray packed = new JSONArray();
      for (Object value : values) packed.put(pack(value));
      return packed;
    } catch (JSONException impossible) {
      throw new AssertionError(impossible);
    }
  }

  private static Object unpack(Object value) throws JSONException {
    if (value instanceof JSONArray array) {
      JSONArray unpacked = new JSONArray();
      for (int i = 0; i < array.length(); i++) unpacked.put(unpack(array.get(i)));
      return unpacked;
    }
    if (value instanceof JSONObject object) {
      if (object.has("$bytes")) return Base64.getDecoder().decode(object.getString("$bytes"));
      JSONObject unpacked = new JSONObject();
      for (Iterator<?> keys = object.keys(); keys.hasNext(); ) {
        String key = (String) keys.next();
        unpacked.put(key, unpack(object.get(key)));
      }
      return unpacked;
    }
    return value;
  }

  private static Object[] unpackAll(JSONArray array) throws JSONException {
    Object[] values = new Object[array.length()];
    for (int i = 0; i < values.length; i++) values[i] = unpack(array.get(i));
    return values;
  }

  private static JSONObject refusal(Object what) throws JSONException {
    if (what instanceof JSONObject object) return object;
    return new JSONObject().put("message", what instanceof Exception error ? error.getMessage() : String.valueOf(what));
  }

  private static void listen(Socket socket, int connection, String namespace, JSONObject command) throws JSONException {
    JSONArray events = command.getJSONArray("events");
    JSONObject answers = command.getJSONObject("answers");
    socket.on("connect", args -> tell(connection, namespace, "connect", packAll(socket.id())));
    socket.on("disconnect", args -> tell(connection, namespace, "disconnect", packAll(args[0])));
    socket.on("connect_error", args -> {
      try {
        tell(connection, namespace, "connect_error", packAll(refusal(args[0])));
      } catch (JSONException impossible) {
        throw new AssertionError(impossible);
      }
    });
    for (int i = 0; i < events.length(); i++) {
      String event = events.getString(i);
      Object[] answer = answers.has(event) ? unpackAll(answers.getJSONArray(event)) : null;
      socket.on(event, args -> {
        boolean asked = args.length > 0 && args[args.length - 1] instanceof Ack;
        Object[] values = asked ? java.util.Arrays.copyOf(args, args.length - 1) : args;
        tell(connection, namespace, event, packAll(values));
        if (asked && answer != null) ((Ack) args[args.length - 1]).call(answer);
      });
    }
  }

  private static void tell(int connection, String namespace, String event, JSONArray args) {
    synchronized (connections) {
      if (!connections.containsKey(connection)) return;
    }
    say("connection", connection, "namespace", namespace, "event", event, "args", args);
  }

  private static String query(JSONObject query) throws JSONException {
    List<String> pairs = new ArrayList<>();
    for (Iterator<?> keys = query.keys(); keys.hasNext(); ) {
      String key = (String) keys.next();
      pairs.add(key + "=" + query.get(key));
    }
    return String.join("&", pairs);
  }

  private static void connect(int connection, JSONObject command) throws JSONException {
    IO.Options options = new IO.Options();
    options.forceNew = true;
    options.path = command.getString("path");
    options.reconnectionDelay = 20;
    options.reconnectionDelayMax = 200;
    JSONArray transports = command.getJSONArray("transports");
    options.transports = new String[transports.length()];
    for (int i = 0; i < transports.length(); i++) options.transports[i] = transports.getString(i);
    if (command.has("query")) options.query = query(command.getJSONObject("query"));
    if (command.has("auth")) {
      options.auth = new HashMap<>();
      JSONObject auth = command.getJSONObject("auth");
      for (Iterator<?> keys = auth.keys(); keys.hasNext(); ) {
        String key = (String) keys.next();
        options.auth.put(key, auth.getString(key));
      }
    }
    Manager manager = new Manager(URI.create(command.getString("url")), options);
    Map<String, Socket> sockets = new LinkedHashMap<>();
    synchronized (connections) {
      connections.put(connection, sockets);
    }
    JSONArray namespaces = command.getJSONArray("namespaces");
    for (int i = 0; i < namespaces.length(); i++) {
      String namespace = namespaces.getString(i);
      Socket socket = manager.socket(namespace, options);
      sockets.put(namespace, socket);
      listen(socket, connection, namespace, command);
      socket.connect();
    }
  }

  private static void obey(JSONObject command) throws JSONException {
    int connection = command.getInt("connection");
    String name = command.getString("command");
    if (name.equals("connect")) {
      connect(connection, command);
      return;
    }
    Map<String, Socket> sockets;
    synchronized (connections) {
      sockets = name.equals("end") ? connections.remove(connection) : connections.get(connection);
    }
    if (name.equals("end")) {
      for (Socket socket : sockets.values()) {
        socket.io().reconnection(false);
        socket.disconnect();
      }
      return;
    }
    Socket socket = sockets.get(command.getString("namespace"));
    switch (name) {
      case "leave" -> socket.disconnect();
      case "join" -> socket.connect();
      default -> {
        Object[] args = unpackAll(command.getJSONArray("args"));
        String event = command.getString("event");
        if (!command.has("ask")) {
          for (int i = 0; i < command.optInt("times", 1); i++) socket.emit(event, args);
          break;
        }
        int ask = command.getInt("ask");
        socket.emit(event, args, (Ack) values -> say("ask", ask, "args", packAll(values)));
      }
    }
  }

  public static void main(String[] unused) throws Exception {
    Thread.setDefaultUncaughtExceptionHandler((thread, error) -> say("trouble", String.valueOf(error)));
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    say("ready", true);
    for (String line; (line = in.readLine()) != null; ) obey(new JSONObject(line));
    System.exit(0);
  }
}
