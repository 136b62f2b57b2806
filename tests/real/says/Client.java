// SPDX-License-Identifier: GPL-2.0-only
//
// A TCP client for says.py: connects to HOST PORT, obeys its stdin (r: read, w: write, c: close), says each error.
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;

public class Client {
	static void obey(Socket socket, String command) throws IOException {
		switch (command) {
		case "r":
			socket.getInputStream().read();
			break;
		case "w":
			socket.getOutputStream().write(new byte[45]);
			break;
		case "c":
			socket.close();
			break;
		}
		System.out.println("ok");
	}

	public static void main(String[] args) throws IOException {
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
		Socket socket;
		try {
			socket = new Socket(args[0], Integer.parseInt(args[1]));
		} catch (IOException error) {
			System.out.println(error);
			return;
		}
		System.out.println("connected");
		for (String line; (line = in.readLine()) != null;) {
			try {
				obey(socket, line);
			} catch (IOException error) {
				System.out.println(error);
			}
		}
	}
}
