import java.io.BufferedOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Comparator;
import org.eclipse.jgit.internal.storage.io.BlockSource;
import org.eclipse.jgit.internal.storage.reftable.RefCursor;
import org.eclipse.jgit.internal.storage.reftable.ReftableConfig;
import org.eclipse.jgit.internal.storage.reftable.ReftableReader;
import org.eclipse.jgit.internal.storage.reftable.ReftableWriter;
import org.eclipse.jgit.lib.ObjectId;
import org.eclipse.jgit.lib.ObjectIdRef;
import org.eclipse.jgit.lib.Ref;
import org.eclipse.jgit.lib.SymbolicRef;

/**
 * The workloads that write refs, for JGit, with the data of benches/c and what is counted there. The
 * least of some laps counts, so that the compiler of the virtual machine has done its work.
 *
 * <p>usage: WriteRefs FIXTURES MEMORY DISK REFS WORKLOAD
 */
public class WriteRefs {
	private static final int LAPS = 8;
	private static final String SYMREF_TARGET = "refs/heads/main";
	private static final String[] PEOPLE = ("ada alan anita barbara claude dennis donald edsger edith emmy "
			+ "evelyn frances grace hedy ida jean john joan kathleen ken leslie lynn margaret mary niklaus radia "
			+ "robin ruth sophie stephanie tony yukihiro").split(" ");
	private static final String[] TOPICS = ("abort backup badge batch border branch budget calendar camera "
			+ "chart clock colour commit cursor delta disk editor email export filter font gateway graph history "
			+ "import invoice journal keyboard layer ledger map menu metrics mirror network notes parser payment "
			+ "printer quota report router schedule sensor signup storage ticket webhook").split(" ");

	private static long draw(long number, long stream) {
		long x = number * 0x9e3779b97f4a7c15L + (stream + 1) * 0xd1b54a32d192ed03L;
		x ^= x >>> 32;
		x *= 0xd6e8feb86659fd93L;
		x ^= x >>> 32;
		x *= 0xd6e8feb86659fd93L;
		return x ^ x >>> 32;
	}

	private static int pick(long number, long stream, int count) {
		return (int) Long.remainderUnsigned(draw(number, stream), count);
	}

	private static String name(long number) {
		long part = number % 100;
		if (number == 0)
			return "HEAD";
		if (part < 55)
			return "refs/pull/" + number + (part < 40 ? "/head" : "/merge");
		if (part < 85)
			return "refs/heads/" + PEOPLE[pick(number, 1, 32)] + "/" + TOPICS[pick(number, 2, 48)] + "-"
					+ TOPICS[pick(number, 3, 48)] + "-" + number;
		if (part < 96)
			return "refs/tags/v" + number / 1000 + "." + number / 20 % 50 + "." + number % 20;
		return "refs/remotes/origin/" + TOPICS[pick(number, 2, 48)] + "-" + number;
	}

	private static ObjectId object(long number) {
		byte[] id = new byte[20];
		for (int i = 0; i < id.length; i++)
			id[i] = (byte) (draw(number, 10 + i / 8) >>> i % 8 * 8);
		return ObjectId.fromRaw(id);
	}

	private static Ref ref(long number) {
		String name = name(number);
		if (number == 0)
			return new SymbolicRef(name, new ObjectIdRef.Unpeeled(Ref.Storage.NEW, SYMREF_TARGET, null));
		long target = number;
		// Three of ten refs stand where another one does.
		if (pick(number, 4, 10) < 3)
			target = Long.remainderUnsigned(draw(number, 5), number);
		if (number % 100 >= 85 && number % 100 < 96 && draw(number, 7) % 2 == 0)
			return new ObjectIdRef.PeeledTag(Ref.Storage.PACKED, name, object(target), object(number + (1L << 60)));
		return new ObjectIdRef.PeeledNonTag(Ref.Storage.PACKED, name, object(target));
	}

	private static void write(File file, Ref[] refs, long[] updateIndexes) throws Exception {
		ReftableConfig config = new ReftableConfig();
		config.setRefBlockSize(4096);
		config.setRestartInterval(16);
		config.setAlignBlocks(true);
		config.setIndexObjects(true);
		try (OutputStream out = new BufferedOutputStream(new FileOutputStream(file), 1 << 16)) {
			ReftableWriter writer = new ReftableWriter(config).setMinUpdateIndex(1).setMaxUpdateIndex(1000);
			writer.begin(out);
			for (int i = 0; i < refs.length; i++)
				writer.writeRef(refs[i], updateIndexes[i]);
			writer.finish();
		}
	}

	private static long firstBytes(ObjectId id) {
		byte[] raw = new byte[20];
		id.copyRawTo(raw, 0);
		long bytes = 0;
		for (int i = 7; i >= 0; i--)
			bytes = bytes << 8 | raw[i] & 0xff;
		return bytes;
	}

	/** Adds up what the table has, as the other programs do: how many refs, and their sum. */
	private static long[] read(File file) throws Exception {
		long count = 0, sum = 0;
		try (ReftableReader reader = new ReftableReader(BlockSource.from(new FileInputStream(file)));
				RefCursor cursor = reader.allRefs()) {
			while (cursor.next()) {
				Ref ref = cursor.getRef();
				String name = ref.getName();
				sum = Long.rotateLeft(sum, 1) + name.length() * 257L + name.charAt(name.length() - 1)
						+ cursor.getUpdateIndex();
				if (!ref.isSymbolic())
					sum += firstBytes(ref.getObjectId());
				count++;
			}
		}
		return new long[] {count, sum};
	}

	private static long processCpuTime() {
		return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
				.getProcessCpuTime();
	}

	public static void main(String[] args) throws Exception {
		String workload = args[4];
		int count = Integer.parseInt(args[3]);
		if (workload.equals("write_refs_tenth")) {
			count /= 10;
		} else if (!workload.equals("write_refs")) {
			System.out.println(workload + "\t-");
			return;
		}
		Integer[] order = new Integer[count];
		Arrays.setAll(order, i -> i);
		Ref[] unsorted = new Ref[count];
		Arrays.setAll(unsorted, WriteRefs::ref);
		Arrays.sort(order, Comparator.comparing(i -> unsorted[i].getName()));
		Ref[] refs = new Ref[count];
		Arrays.setAll(refs, i -> unsorted[order[i]]);
		long[] updateIndexes = new long[count];
		Arrays.setAll(updateIndexes, i -> 1 + pick(order[i], 6, 1000));
		File file = new File(args[1], "written-by-jgit.ref");
		long cpu = Long.MAX_VALUE, wall = Long.MAX_VALUE;
		for (int lap = 0; lap < LAPS; lap++) {
			long cpuBegan = processCpuTime(), wallBegan = System.nanoTime();
			write(file, refs, updateIndexes);
			wall = Math.min(wall, System.nanoTime() - wallBegan);
			cpu = Math.min(cpu, processCpuTime() - cpuBegan);
		}
		long[] found = read(file);
		System.out.printf("%s\t%d\t%d\t%d\t%d\t0\t0\t%d\t%016x%n", workload, count, cpu, wall, file.length(), found[0],
				found[1]);
		file.delete();
	}
}
